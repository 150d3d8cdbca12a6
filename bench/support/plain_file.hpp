// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/plain_batch.hpp"
#include "support/record_source.hpp"

namespace millrace::bench {

/// An append-only file as plain code keeps one: room reserved ahead, pwrite, fdatasync. Failures
/// end the program. One thread.
class PlainFile {
 public:
  /// Creates the file, without what an earlier one held.
  explicit PlainFile(const std::string& path);
  ~PlainFile();
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  void append(std::string_view bytes);
  void sync();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Reads `bytes` at `offset` into `out`, which has room.
  void read(std::uint64_t offset, char* out, std::size_t bytes) const;

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
  std::uint64_t room_ = 0;
};

/// Writes `records` records in batches of `batch`.
void write_plain(PlainFile& file, RecordSource& source, std::int64_t records, std::int64_t batch);
/// Reads the whole file in pieces of 1 MiB, checks and decodes it and hands over each record.
/// Answers how many.
std::int64_t read_plain(const PlainFile& file, auto&& visit) {
  constexpr std::size_t piece_bytes = 1U << 20U;
  std::string piece(piece_bytes, 0);
  std::int64_t records = 0;
  std::uint64_t offset = 0;
  while (offset < file.size()) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, file.size() - offset));
    file.read(offset, piece.data(), wanted);
    std::string_view rest(piece.data(), wanted);
    PlainBatchReader reader;
    PlainRecord record;
    while (reader.next_batch(rest)) {
      while (reader.next(record)) {
        visit(record);
        records += 1;
      }
    }
    offset += wanted - rest.size();
  }
  return records;
}

}  // namespace millrace::bench
