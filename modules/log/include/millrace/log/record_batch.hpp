// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/record.hpp"

namespace millrace::log {

/// Size in bytes of the fixed part of a RecordBatch v2 (docs/formats/record_batch.md; Kafka's
/// DefaultRecordBatch.java).
inline constexpr std::size_t record_batch_header_bytes = 61;

/// Encodes records into one RecordBatch v2: uncompressed, create time, not transactional, producer
/// id -1. The base offset is not part of the checksum. Assign it last, with set_base_offset(). Call
/// clear() to use the builder again. Not thread-safe.
class RecordBatchBuilder {
 public:
  void add(const Record& record);
  [[nodiscard]] std::int32_t count() const { return count_; }
  /// The number of bytes that finish() would return now.
  [[nodiscard]] std::size_t bytes() const { return buffer_.size(); }
  /// Completes header and checksum (base offset 0, leader epoch 0) and returns the batch. Valid
  /// until the next change.
  [[nodiscard]] std::string_view finish();
  void clear();

 private:
  std::string buffer_;
  std::int32_t count_ = 0;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t max_timestamp_ms_ = 0;
};

/// Writes the base offset into an encoded batch.
void set_base_offset(char* batch, Offset base);

/// The fields of the fixed part of a batch.
struct RecordBatchHeader {
  Offset base_offset;
  std::size_t bytes = 0;  ///< of the whole batch
  std::int32_t count = 0;
  std::int32_t last_offset_delta = 0;
  std::uint32_t crc = 0;
  std::int64_t base_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int16_t attributes = 0;
};

/// Reads and checks the fixed part (sizes, magic, counts), not the checksum. errc::corrupt with the
/// reason.
[[nodiscard]] Result<RecordBatchHeader> read_batch_header(std::string_view bytes);

/// Checks the checksum of a whole batch.
[[nodiscard]] bool batch_checksum_holds(std::string_view batch);

/// Decodes all records of a whole batch and appends them to `out`; their views point into `batch`.
/// errc::corrupt, with the position, for malformed bytes, and for compressed batches and control
/// batches. Safe for hostile input.
[[nodiscard]] Status decode_batch(std::string_view batch, std::vector<RecordView>& out);

}  // namespace millrace::log
