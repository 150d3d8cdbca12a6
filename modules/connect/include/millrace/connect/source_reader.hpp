// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// Reads partitions up to fixed ends as one sequence: in the order of commits where the log has
/// one, else by time as far as the order in each partition allows. Not thread-safe.
class SourceReader {
 public:
  struct Part {
    std::size_t partition = 0;  ///< the caller's number of it
    log::TopicPartition source;
    log::Offset from;
    log::Offset end;
  };
  struct Item {
    std::size_t partition = 0;
    const log::RecordView* record = nullptr;  ///< valid until the next call; null: no more
  };

  /// The log outlives the reader. Buffers take `buffer_bytes` together, or one batch a partition if
  /// that is more.
  SourceReader(log::Log& log, const std::vector<Part>& parts, std::size_t buffer_bytes);

  [[nodiscard]] Result<Item> next();

 private:
  struct Cursor {
    Part part;
    log::FetchBuffer buffer;
    std::size_t record = 0;  // the next one
    std::size_t batch = 0;   // its batch
    bool done = false;
    // Where its next record stands in the sequence.
    std::uint64_t position = 0;
    std::int64_t time_ms = 0;
  };

  [[nodiscard]] Status advance(Cursor& cursor);
  [[nodiscard]] Status refill(Cursor& cursor);
  [[nodiscard]] static bool goes_after(const Cursor* a, const Cursor* b);

  log::Log& log_;
  std::size_t fetch_bytes_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
  std::vector<Cursor*> heap_;  // of those that have a record; the first goes next
  Cursor* in_hand_ = nullptr;  // its record was given out
  bool begun_ = false;
};

}  // namespace millrace::connect
