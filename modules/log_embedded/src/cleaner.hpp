// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpointer.hpp"
#include "compactions.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"
#include "reader_positions.hpp"
#include "retention_clock.hpp"
#include "settler.hpp"
#include "topic_limits.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// Removes settled segments that are beyond the limits of their topic, and compacts the segments of
/// compacted topics. The member that settles does this, between two rounds of settling. A pass
/// checks the partitions that have limits, some of them in each call, up to the offset to which a
/// durable checkpoint says that they are settled. Segments are removed in three steps:
///
///     PartitionRow::start_offset    under the writer lock, unless a group is still to read what is
///                                   before it; from here on readers get errc::out_of_range there
///     checkpoint, synced            of the same moment; until then a death of all members undoes
///                                   the first step
///     segments removed              those that are left are removed by a later pass
///
/// One thread uses it, except stop().
class Cleaner {
 public:
  /// All outlive it.
  Cleaner(LogDirectory& directory, Journal& journal, Topics& topics, Checkpointer& checkpointer)
      : directory_(directory),
        journal_(journal),
        topics_(topics),
        checkpointer_(checkpointer),
        compactions_(directory, journal, stopped_),
        clock_(directory.clock()) {}

  /// True if run() has work.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const;
  /// Does some of the work, for the member that has called Checkpointer::begin(). Damaged files,
  /// and a disk that is full or fails, are counted and are no errors; then the partition is skipped
  /// for some time. Errors are those of the log: errc::closed, failed_sync.
  [[nodiscard]] Status run(const Settler::Lock& lock);
  /// Waits until no file is being changed, and forbids further changes. Any thread may call it,
  /// without the right to settle. For a handle that is about to release its slot.
  void stop();

 private:
  struct Partition {
    TopicPartition id;
    std::string path;
    std::size_t row = 0;
    TopicLimits limits;
  };
  struct Pass {
    Checkpoint checkpoint;            // what is settled durably
    ReaderPositions readers;          // when it began
    ReaderPositions durable_readers;  // as the checkpoint has them
    std::vector<Partition> partitions;
    std::size_t next = 0;  // to be looked at
    std::int64_t now_ms = 0;
  };
  struct Removal {
    const Partition* partition = nullptr;
    Offset start;
  };

  [[nodiscard]] bool is_pass_due(std::int64_t now_ns) const;
  [[nodiscard]] Status begin_pass(const Settler::Lock& lock);
  [[nodiscard]] Result<std::optional<Checkpoint>> last_checkpoint();
  [[nodiscard]] Result<Checkpoint> checkpoint_of(const std::vector<Partition>& partitions,
                                                 const Settler::Lock& lock);
  /// The offset up to which the partition is settled according to this checkpoint.
  [[nodiscard]] static Offset settled_of(const Checkpoint& checkpoint, const Partition& partition) {
    const std::vector<std::int64_t>& settled = checkpoint.settled;
    return offset(partition.row < settled.size() ? settled[partition.row] : 0);
  }
  [[nodiscard]] std::vector<Partition> limited_partitions() const;
  void raise_starts(const Locked& locked, Checkpoint& made, std::vector<Removal>& removals);
  [[nodiscard]] Result<Checkpoint> write_checkpoint(const Settler::Lock& lock,
                                                    std::vector<Removal>& removals);
  [[nodiscard]] Status continue_pass(const Settler::Lock& lock);
  [[nodiscard]] Status look(const Partition& partition, std::vector<Removal>& removals);
  [[nodiscard]] Status announce(const Settler::Lock& lock, std::vector<Removal>& removals);
  [[nodiscard]] Status remove(const std::vector<Removal>& removals);
  [[nodiscard]] Status compact_some(const Settler::Lock& lock);
  [[nodiscard]] Status prepare_directory();
  [[nodiscard]] bool is_paused(std::size_t row) const;
  void fail_partition(std::size_t row, const Error& error);
  void pause_partition(std::size_t row, std::int64_t pause_ns);
  [[nodiscard]] std::atomic<std::int64_t>& start_of(const Partition& partition) const {
    return directory_.control().partitions[partition.row].start_offset;
  }

  LogDirectory& directory_;
  Journal& journal_;
  Topics& topics_;
  Checkpointer& checkpointer_;
  std::atomic<bool> stopped_ = false;
  Compactions compactions_;
  RetentionClock clock_;
  std::optional<Pass> pass_;
  std::map<std::size_t, std::int64_t> paused_until_ns_;  ///< by row
  bool prepared_ = false;                                ///< older builds refuse the directory
  Mutex changing_;                                       ///< held while files are changed
};

}  // namespace millrace::log::embedded
