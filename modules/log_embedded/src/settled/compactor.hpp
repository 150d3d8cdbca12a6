// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"
#include "settled/compaction_state.hpp"

namespace millrace::log::embedded {

/// Kafka's settings of the same names.
struct CompactionOptions {
  /// How long a tombstone stays after the first compaction that left no older record of its key.
  std::int64_t delete_retention_ms = 86'400'000;
  /// A segment is not touched while one of its batches was appended more recently.
  std::int64_t min_compaction_lag_ms = 0;
  /// Small segments become one of up to so many bytes, at most 2^31 - 1.
  std::uint64_t segment_bytes = 1ULL << 30U;
  std::uint64_t index_interval_bytes = 4096;
  /// For the last offsets of keys. Where more keys changed, the segments are read several times.
  std::size_t map_bytes = 128U << 20U;
  /// Once it is set, a compaction ends soon with errc::closed, as after any other error: what it
  /// replaced counts. Outlives it; null: nobody stops it.
  const std::atomic<bool>* stop = nullptr;
};
/// errc::closed once it is stopped.
[[nodiscard]] Status check_not_stopped(const CompactionOptions& options,
                                       const std::string& directory);

struct CompactionCounts {
  std::uint64_t records_superseded = 0;   ///< removed: a later record has their key
  std::uint64_t tombstones_removed = 0;   ///< whose time was over
  std::uint64_t records_without_key = 0;  ///< kept
  std::uint64_t batches_kept_whole = 0;   ///< compressed ones, which are not opened
  CompactionCounts& operator+=(const CompactionCounts& more);
};

struct CompactionResult {
  CompactionState state;
  CompactionCounts counts;  ///< of all rounds; what a round keeps is counted in each
  std::size_t rounds = 0;   ///< 0 when there was nothing to do
};

/// Compacts the settled segments of a partition: of the records of a key only the last one stays,
/// and a tombstone as long as `delete_retention_ms` says. Offsets, commits and the order stay. The
/// last segment, which is written, is never touched, nor one that does not end at or before
/// `settled`, the settled offset of the last durable checkpoint: what lies behind it a recovery
/// cuts and takes out of the journal again. Does nothing while no segment is new and no
/// tombstone's time is over.
///
/// Records without a key stay: a topic that is compacted should not get any. (Kafka refuses them at
/// the append, and its compaction drops those that are there.) So do compressed batches, which this
/// module cannot open; and behind one tombstones stay, for what they delete may be in it.
///
/// Completes first what an earlier call left. Crash-safe at each step; after an error it may be
/// called again. Needs room for one more segment. See segment_changes.hpp for who may run at the
/// same time. errc::corrupt, naming file and byte, for what is damaged, which stays as it is. With
/// the policy "compact,delete" call apply_retention() too. errc::invalid_argument for options out
/// of range.
[[nodiscard]] Result<CompactionResult> compact(FileSystem& files, const std::string& directory,
                                               const CompactionOptions& options, Offset settled,
                                               std::int64_t now_ms);

/// Whether a compaction is worth its cost, which is to read the whole partition: what is new in
/// segments that may be compacted has at least as many bytes as what was compacted before, or the
/// time of tombstones is over; never while `settled` lies before what was compacted. Lists the
/// directory, and opens the segments when one of them is new.
[[nodiscard]] Result<bool> compaction_due(FileSystem& files, const std::string& directory,
                                          const CompactionOptions& options, Offset settled,
                                          std::int64_t now_ms);

}  // namespace millrace::log::embedded
