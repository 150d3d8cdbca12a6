// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpointer.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"
#include "settled/compaction.hpp"
#include "settler.hpp"
#include "topic_limits.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// Removes settled segments that a topic no longer keeps, and compacts those of compacted topics.
/// The member that settles does it, between two rounds of settling. A pass looks at the partitions
/// that have limits, some in each call, as far as a durable checkpoint says that they are settled.
/// Segments are removed in three steps:
///
///     checkpoint, synced            says where the partitions begin from now on
///     PartitionRow::start_offset    from here on readers get errc::out_of_range before it
///     segments removed              those that a death leaves are removed by a later pass
///
/// Compactions follow one after the other, in small steps. One thread uses it, except stop().
class Cleaner {
 public:
  /// All outlive it.
  Cleaner(LogDirectory& directory, Topics& topics, Checkpointer& checkpointer)
      : directory_(directory), topics_(topics), checkpointer_(checkpointer) {}

  /// Whether run() has something to do.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const;
  /// Some of the work, for the member that has Checkpointer::begin(). Files that are damaged, and a
  /// disk that is full or fails, are counted and no failure. Fails as the log does: errc::closed,
  /// failed_sync.
  [[nodiscard]] Status run(const Settler::Lock& lock);
  /// Returns when no file is being changed; none is from then on. Any thread, without the right to
  /// settle: for a handle that is about to give up its slot.
  void stop();

 private:
  struct Partition {
    TopicPartition place;
    std::string path;
    std::size_t row = 0;
    TopicLimits limits;
  };
  struct Pass {
    Checkpoint checkpoint;  // what is settled durably
    std::vector<Partition> partitions;
    std::size_t next = 0;  // to be looked at
  };
  struct Removal {
    const Partition* partition = nullptr;
    Offset start;
  };
  struct Waiting {
    Partition partition;
    Offset settled;
  };

  [[nodiscard]] bool is_pass_due(std::int64_t now_ns) const;
  [[nodiscard]] Status begin_pass(const Settler::Lock& lock);
  [[nodiscard]] std::vector<Partition> limited_partitions() const;
  [[nodiscard]] Result<Checkpoint> write_checkpoint(const Settler::Lock& lock,
                                                    std::span<const Removal> removals);
  [[nodiscard]] Status continue_pass(const Settler::Lock& lock);
  [[nodiscard]] Status look(const Partition& partition, std::vector<Removal>& removals);
  [[nodiscard]] RetentionLimits retention_of(const Partition& partition) const;
  [[nodiscard]] Status remove(const Settler::Lock& lock, std::span<const Removal> removals);
  [[nodiscard]] Status compact_some();
  [[nodiscard]] Status prepare_directory();
  [[nodiscard]] PartitionRow& row_of(const Partition& partition) const {
    return directory_.control().partitions[partition.row];
  }
  void count_error();

  LogDirectory& directory_;
  Topics& topics_;
  Checkpointer& checkpointer_;
  std::int64_t begun_ns_ = INT64_MIN / 2;  ///< of the last pass
  std::optional<Pass> pass_;
  std::deque<Waiting> waiting_;             ///< for a compaction
  std::unique_ptr<Compaction> compaction_;  ///< of the first of them, once it was begun
  bool prepared_ = false;                   ///< older builds refuse the directory
  std::atomic<bool> stopped_ = false;
  Mutex changing_;  ///< held while files are changed
};

}  // namespace millrace::log::embedded
