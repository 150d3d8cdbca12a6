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

/// The loop of a source: reads partitions of a log as one sequence, each from a position up to a
/// fixed end. The sequence has the order of commits. If the log has no such order, the sequence is
/// ordered by timestamps, as far as the order in each partition allows. The position of a partition
/// moves with each of its records. The caller stores the position together with the result of the
/// record (SinkWriter does this in one transaction) and begins there the next time. To store a
/// position outside of the log, use a log::TopicPosition and check it with log::check_position()
/// before you use it, because the log may have been restored from a backup. Not thread-safe.
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
    std::size_t partition = 0;  ///< the number that the caller gives this partition
    log::TopicPartition source;
    log::Offset from;  ///< the position: the first record to read is at or after this
    log::Offset end;   ///< records at or after this offset are not read
  };
  struct Item {
    std::size_t partition = 0;  ///< Part::partition
    /// valid until the next call; null: there are no more records
    const log::RecordView* record = nullptr;
    std::int64_t offsets = 0;  ///< the distance by which the position moves; more than 1 at a gap
  };

  /// The log must outlive the reader. All buffers together use about `buffer_bytes`, but at least
  /// 64 KiB or one batch for each partition.
  SourceReader(log::Log& log, const std::vector<Part>& parts, std::size_t buffer_bytes);

  /// Returns the next record of the sequence. Errors are those of Log::fetch(); do not use the
  /// reader after an error.
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
