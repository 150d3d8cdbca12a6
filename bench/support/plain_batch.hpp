// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "support/record_source.hpp"

/// RecordBatch v2 as plain code writes and reads it, knowing beforehand what comes: keys, values,
/// no headers. The limit that a log can be held against.
namespace millrace::bench {

/// Encodes batches. Reusable; not thread-safe.
class PlainBatch {
 public:
  static constexpr std::size_t header_bytes = 61;

  void clear() {
    size_ = header_bytes;
    count_ = 0;
  }
  void add(const RecordSource::Raw& record);
  /// Completes header and checksum. Valid until the next change.
  [[nodiscard]] std::string_view finish(std::int64_t base_offset);

 private:
  std::string buffer_;
  std::size_t size_ = header_bytes;
  std::int32_t count_ = 0;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t timestamp_ms_ = 0;
};

/// A record of a batch.
struct PlainRecord {
  std::string_view key;
  std::string_view value;
};

/// Reads batches that PlainBatch wrote.
class PlainBatchReader {
 public:
  /// Takes the next whole batch off `bytes` and checks it; false when the rest is not a whole
  /// batch, or zero. A wrong checksum ends the program.
  [[nodiscard]] bool next_batch(std::string_view& bytes);
  /// Takes the next record off the batch.
  [[nodiscard]] bool next(PlainRecord& out) {
    if (left_ == 0) return false;
    left_ -= 1;
    const char* at = cursor_;
    const std::int64_t length = varint(at);
    const char* end = at + length;
    at += 1;
    static_cast<void>(varint(at));
    static_cast<void>(varint(at));
    const std::int64_t key_bytes = varint(at);
    out.key = {at, static_cast<std::size_t>(key_bytes)};
    at += key_bytes;
    const std::int64_t value_bytes = varint(at);
    out.value = {at, static_cast<std::size_t>(value_bytes)};
    cursor_ = end;
    return true;
  }

 private:
  static std::int64_t varint(const char*& at) {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) break;
    }
    return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
  }

  const char* cursor_ = nullptr;
  std::int32_t left_ = 0;
};

/// What reading a record means in the benchmarks, the same for all systems: each byte was checked,
/// a word of the value is looked at.
[[nodiscard]] inline std::uint64_t digest(std::string_view value) {
  std::uint64_t word = 0;
  std::memcpy(&word, value.data(), value.size() < sizeof word ? value.size() : sizeof word);
  return word + value.size();
}

}  // namespace millrace::bench
