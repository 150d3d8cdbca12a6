// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compressed.hpp"

namespace millrace::log {

/// A record as it lies in a RawBatch.
struct RawRecord {
  std::int32_t offset_delta = 0;
  std::string value;
  std::int64_t timestamp_delta = 0;
};

/// A RecordBatch v2 with everything that other clients and brokers put into one.
struct RawBatch {
  std::int64_t base = 0;
  std::vector<RawRecord> records;
  std::int64_t producer = -1;
  unsigned attributes = 0;
  std::optional<std::int32_t> last_offset_delta = {};  ///< else that of the last record
  std::int64_t base_timestamp_ms = 1'000;
  std::int64_t max_timestamp_ms = 1'000;
  const Compressor* compressor = nullptr;

  [[nodiscard]] std::string encoded() const;
};

/// A batch of one record for each value, at offsets one after another.
RawBatch raw_batch(std::int64_t base, const std::vector<std::string>& values);
/// The same, in a transaction.
RawBatch transactional(std::int64_t base, std::int64_t producer,
                       const std::vector<std::string>& values);
/// A transaction marker.
RawBatch marker(std::int64_t base, std::int64_t producer, bool commit);

/// Makes the checksum right again.
void seal(std::string& batch);

}  // namespace millrace::log
