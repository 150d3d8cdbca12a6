// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frame_reader.hpp"
#include "group_commit.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"
#include "settled/segment_writer.hpp"

namespace millrace::log::embedded {

/// A partition with batches in the journal that are not settled.
struct UnsettledPartition {
  TopicPartition id;
  std::string topic;
  SegmentOptions segments;
  PartitionRow* row = nullptr;
  std::uint64_t first = 0;     ///< number of its first index entry that is not settled
  std::uint64_t position = 0;  ///< of the frame of that entry
};

/// The first two steps of a round of settling: writes batches of the journal durably into the
/// settled segments of their partitions, then raises PartitionRow::settled. It remembers the
/// partitions that failed; they are tried last from then on, and less often. One thread uses it,
/// except stop().
class BatchMover {
 public:
  /// All outlive it.
  BatchMover(LogDirectory& directory, Journal& journal, Index& index, GroupCommit& group_commit)
      : directory_(directory), journal_(journal), index_(index), group_commit_(group_commit) {}

  /// Runs a round over these partitions, in this order: about 64 MiB and 100 ms at most. Damaged
  /// batches and files, and a disk that is full or fails, are counted and are no errors. Errors are
  /// those of the log: errc::closed, failed_sync.
  [[nodiscard]] Status move(std::vector<UnsettledPartition> due);
  /// Raises the version of the directory and creates the directory of the settled segments. Call it
  /// before anything is removed.
  [[nodiscard]] Status prepare_directory();
  /// Waits until no file is being written, and forbids further writes: move() returns errc::closed
  /// from then on. Any thread.
  void stop();

  /// True if the last round ended because it reached its limits, so that another round would do
  /// more work.
  [[nodiscard]] bool wants_more() const { return room_bytes_ == 0 && published_ && !disk_full_; }
  /// True if the disk was full in the last round.
  [[nodiscard]] bool disk_full() const { return disk_full_; }
  /// True if the last attempt to move the partition failed.
  [[nodiscard]] bool has_failed(const PartitionRow& row) const { return failed_.contains(&row); }
  /// True if it failed and must not be tried again yet.
  [[nodiscard]] bool is_paused(const PartitionRow& row) const;

 private:
  /// Up to where a partition is in the files: durably, or as soon as all files are synced.
  struct Moved {
    PartitionRow* row = nullptr;
    Offset end;
    std::uint64_t bytes = 0;  ///< of the batches that were added
  };
  [[nodiscard]] std::int64_t now_ns() const { return directory_.clock().monotonic_ns(); }
  [[nodiscard]] Status check_not_stopped() const;
  [[nodiscard]] std::unique_ptr<File> open_all(std::size_t partitions);
  void move_all(const std::vector<UnsettledPartition>& due, std::uint64_t limit, bool bulk,
                std::vector<Moved>& moved);
  /// With `bulk` without a sync.
  [[nodiscard]] Status move(const UnsettledPartition& partition, std::uint64_t limit,
                            FrameReader& reader, bool bulk, std::vector<Moved>& moved);
  [[nodiscard]] Status add_batches(const UnsettledPartition& partition, std::uint64_t limit,
                                   FrameReader& reader, SegmentWriter& writer,
                                   std::uint64_t& bytes);
  void publish(const std::vector<Moved>& moved);
  void count_error();

  LogDirectory& directory_;
  Journal& journal_;
  Index& index_;
  GroupCommit& group_commit_;
  std::uint64_t room_bytes_ = 0;  ///< of this round that are left
  bool published_ = false;        ///< this round raised PartitionRow::settled somewhere
  bool disk_full_ = false;        ///< in this round
  bool prepared_ = false;         ///< the directory is one that has settled segments
  std::map<const PartitionRow*, std::int64_t> failed_;  ///< when each is tried again
  std::int64_t bulk_from_ns_ = INT64_MIN;  ///< no sync of all files before: the last one failed
  std::atomic<bool> stopped_ = false;
  Mutex writing_;  ///< held while files are written, and while what is in them is published
};

}  // namespace millrace::log::embedded
