// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/active_segment.hpp"
#include "settled/compaction_state.hpp"
#include "settled/compactor.hpp"
#include "settled/offset_map.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {

/// A segment that may be rewritten.
struct CleanableSegment {
  Offset base;
  Offset end;  ///< one past its last offset
  Offset end_in_front;
  std::uint64_t log_bytes = 0;
  std::uint32_t generation = 0;
};

/// One pass over the segments of a partition with the last offsets of as many keys as fit in
/// memory. Groups of segments are cleaned from the front to the back, each replaced by one segment.
/// Not thread-safe; all that is given outlives it.
class CleaningRound {
 public:
  /// `map` has the last offset before `map_end` of each key at and behind state.clean_until.
  CleaningRound(FileSystem& files, const std::string& directory, const CompactionOptions& options,
                const OffsetMap& map, Offset map_end, std::int64_t now_ms)
      : files_(files),
        directory_(directory),
        options_(options),
        map_(map),
        map_end_(map_end),
        now_ms_(now_ms) {}

  /// Replaces the segments, which follow each other and hold at least one batch, by one. Raises
  /// state.tombstones_complete_from, durably, before a tombstone goes. An error leaves the old
  /// segments, or a replacement that finish_changes() completes.
  [[nodiscard]] Status clean(std::span<const CleanableSegment> group, CompactionState& state);

  /// What was done so far.
  [[nodiscard]] const CompactionCounts& counts() const { return counts_; }
  /// When the first of the tombstones that were kept may go.
  [[nodiscard]] std::int64_t next_horizon_ms() const { return next_horizon_ms_; }

 private:
  struct Group {
    ActiveSegment out;
    Offset end;
    std::uint64_t bytes_left = 0;  // of batches that are still to be looked at
    bool changed = false;
    CompactionCounts counts;
    Offset tombstones_end;
    std::string path;  // of the .log that is read
  };

  [[nodiscard]] Status make_durable(Group& group, CompactionState& state);
  [[nodiscard]] Result<Group> write(std::span<const CleanableSegment> group);
  [[nodiscard]] Status copy(const CleanableSegment& segment, Group& group);
  [[nodiscard]] Status take(const SettledBatches& read, const SettledBatches::Batch& batch,
                            Group& group);
  [[nodiscard]] bool filter(const RecordBatchHeader& header, Group& group);
  [[nodiscard]] bool may_forget_tombstones(const RecordBatchHeader& header) const;
  void drop_files(Offset base);

  FileSystem& files_;
  const std::string& directory_;
  const CompactionOptions& options_;
  const OffsetMap& map_;
  Offset map_end_;
  std::int64_t now_ms_;
  CompactionCounts counts_;
  std::int64_t next_horizon_ms_ = CompactionState::no_horizon;
  bool opaque_in_front_ = false;     // a batch whose keys are not known
  std::vector<RecordView> records_;  // of the batch that is looked at
  std::string rewritten_;
};

}  // namespace millrace::log::embedded
