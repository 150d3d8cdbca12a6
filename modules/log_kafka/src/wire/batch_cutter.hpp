// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/messages.hpp"

namespace millrace::log::kafka::wire {

/// A position between two records of an encoded batch.
struct CutPosition {
  std::size_t byte = 0;     ///< 0: before the first
  std::int32_t record = 0;  ///< how many are before it
};

/// Cuts an encoded batch, which its owner keeps, into such that a broker takes: no larger than
/// asked unless one record is, marked as of a producer's transaction. The same cut can be made
/// again. Timestamps of 0 become Kafka's "none", because a topic that drops old records would drop
/// these at once.
class BatchCutter {
 public:
  /// `batch` was made by a RecordBatchBuilder.
  BatchCutter(std::string_view batch, std::int32_t count) : batch_(batch), count_(count) {}

  [[nodiscard]] bool is_end(const CutPosition& at) const { return at.record == count_; }
  /// About how many bytes that will be.
  [[nodiscard]] std::size_t next_bytes(const CutPosition& from, std::size_t max_bytes) const;
  /// Appends the batch that begins there and returns where it ends.
  CutPosition cut(const CutPosition& from, std::size_t max_bytes, const ProducerId& producer,
                  std::int32_t sequence, std::string& out) const;

 private:
  std::string_view batch_;
  std::int32_t count_;
};

/// The sequence number so many records later.
[[nodiscard]] std::int32_t sequence_after(std::int32_t sequence, std::int32_t records);

}  // namespace millrace::log::kafka::wire
