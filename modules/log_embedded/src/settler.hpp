// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "batch_mover.hpp"
#include "checkpointer.hpp"
#include "frame_reader.hpp"
#include "group_commit.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "topics.hpp"
#include "writer_lock.hpp"

namespace millrace::log::embedded {

/// Moves durable batches from the journal into the settled segments of their partitions. One member
/// at a time does this, without the writer lock. A round has five steps; a death between two of
/// them loses no data:
///
///     batches -> files, synced    what lies behind `settled` is cut by the next writer; with many
///                                 partitions by one sync of the file system
///     PartitionRow::settled       from here on readers take them from the files
///     checkpoint, synced          names what is settled, and where the journal begins now
///     Control::begin              from here on nobody looks before it
///     journal segments removed    those that are left are removed by the next to open
///
/// One thread uses it, except unsettled_bytes() and slow_down().
class Settler {
 public:
  /// Takes the writer lock.
  using Lock = std::function<Result<WriterLock::Held>()>;

  /// All outlive it.
  Settler(LogDirectory& directory, Journal& journal, Index& index, Topics& topics,
          GroupCommit& group_commit, Checkpointer& checkpointer)
      : directory_(directory),
        journal_(journal),
        index_(index),
        topics_(topics),
        checkpointer_(checkpointer),
        mover_(directory, journal, index, group_commit) {}

  /// True when it is time for the next check.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const;
  /// Runs a round of about 64 MiB at most, for the member that has called Checkpointer::begin().
  /// Damaged batches and files, and a disk that is full or fails, are counted and are no errors;
  /// the affected batches stay in the journal. Errors are those of the log: errc::closed,
  /// failed_sync.
  [[nodiscard]] Status run(const Lock& lock);
  /// After run(): true if work is left and so much of the journal is not settled that commits will
  /// soon be slowed down. Then the next round should follow at once.
  [[nodiscard]] bool is_behind() const;
  /// True if at least half of the bytes are unsettled at which commits are slowed down.
  [[nodiscard]] bool is_pressed() const;
  /// Waits until no file is being settled, and forbids further settling. For a handle that is about
  /// to release its slot, so that another member can settle.
  void stop() { mover_.stop(); }
  /// The number of bytes of the journal that are not settled, without partitions whose last attempt
  /// failed. Any thread.
  [[nodiscard]] std::uint64_t unsettled_bytes() const;
  /// Waits a little when too much of the journal is not settled. Call it before a commit takes the
  /// writer lock. Any thread.
  void slow_down();

 private:
  [[nodiscard]] Result<std::vector<UnsettledPartition>> unsettled(std::uint64_t limit);
  [[nodiscard]] Result<bool> is_due(const UnsettledPartition& partition, std::uint64_t limit,
                                    FrameReader& reader);
  [[nodiscard]] Status let_go(std::uint64_t unsettled, const Lock& lock);
  void count_error();

  LogDirectory& directory_;
  Journal& journal_;
  Index& index_;
  Topics& topics_;
  Checkpointer& checkpointer_;
  BatchMover mover_;
  std::int64_t looked_ns_ = INT64_MIN / 2;
};

}  // namespace millrace::log::embedded
