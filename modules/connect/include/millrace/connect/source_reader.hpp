// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/fetch.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// The loop of a source: reads partitions of a log, from a position up to a fixed end each, as one
/// sequence. That has the order of commits where the log has one; otherwise it is ordered by time
/// as far as the order in each partition allows. The position of a partition moves with each record
/// of it; the caller keeps it together with what it made of the record (SinkWriter does in one
/// transaction), and begins there the next time. What is kept outside of the log is a
/// log::TopicPosition, which is checked before it is used (log::check_position()): the log may have
/// been put back from a backup since. Not thread-safe.
///
///     SourceReader reader(log, {{0, orders, position, end}}, 16U << 20U);
///     while (true) {
///       MILLRACE_ASSIGN(const SourceReader::Item item, reader.next());
///       if (item.record == nullptr) break;
///       write(*item.record);  // the position is item.record->offset.next() now
///     }
class SourceReader {
 public:
  struct Part {
    std::size_t partition = 0;  ///< the caller's number of it
    log::TopicPartition source;
    log::Offset from;  ///< the position: the first record to read is at or after this
    log::Offset end;   ///< what is at or after this is not read
  };
  struct Item {
    std::size_t partition = 0;                ///< Part::partition
    const log::RecordView* record = nullptr;  ///< valid until the next call; null: no more
    std::int64_t offsets = 0;  ///< how far the position moves with it: more than 1 over a gap
  };

  /// The log outlives the reader. Buffers take `buffer_bytes` together, but at least 64 KiB or one
  /// batch for each partition.
  SourceReader(log::Log& log, const std::vector<Part>& parts, std::size_t buffer_bytes);

  /// The next record of all partitions. Failures of Log::fetch(); the reader is of no use after
  /// one.
  [[nodiscard]] Result<Item> next();

 private:
  struct Cursor {
    Part part;
    log::FetchBuffer buffer;
    std::size_t record = 0;  // the next one
    std::size_t batch = 0;   // its batch
    bool done = false;
    log::Offset position;  // after the record that was given out last
    // Where its next record stands in the sequence.
    std::uint64_t commit = 0;
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
