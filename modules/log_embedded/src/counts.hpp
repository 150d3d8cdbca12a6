// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "millrace/log/log.hpp"

namespace millrace::log::embedded {

/// What a handle counts of its own work; Log::counts() and the metrics follow from read().
/// Thread-safe.
struct Counts {
  std::atomic<std::uint64_t> repaired_tails{0};
  std::atomic<std::uint64_t> opening_journal_bytes{0};
  std::atomic<std::uint64_t> checkpoint_errors{0};
  std::atomic<std::uint64_t> settled_bytes{0};
  std::atomic<std::uint64_t> settling_errors{0};
  std::atomic<std::uint64_t> slowed_commits{0};
  std::atomic<std::uint64_t> removed_bytes{0};
  std::atomic<std::uint64_t> compacted_records{0};
  std::atomic<std::uint64_t> cleaning_errors{0};
  std::atomic<std::uint64_t> clock_jumps{0};
  std::atomic<std::uint64_t> deletion_errors{0};
  std::atomic<std::uint64_t> scrubbed_bytes{0};
  std::atomic<std::uint64_t> scrub_errors{0};

  /// With sizes of the log as they are now.
  [[nodiscard]] std::vector<LogCount> read(std::uint64_t unsettled_bytes,
                                           std::uint64_t index_bytes) const {
    return {
        {"index_bytes",
         "Bytes of the index of the log, of all members: 40 for each batch since the first process "
         "opened it, and what is reserved. Free again when the last process has closed the log.",
         index_bytes, LogCount::Kind::gauge},
        {"unsettled_bytes",
         "Bytes of the journal from the first batch that is to settle to its end, of all members.",
         unsettled_bytes, LogCount::Kind::gauge},
        {"repaired_tails",
         "Incomplete ends of the journal, as a process leaves them that dies while it writes, "
         "that this member completed or removed.",
         repaired_tails.load(std::memory_order_relaxed)},
        {"opening_journal_bytes",
         "Bytes of the journal and of its index files that this member read to open the log; 0 "
         "when "
         "another member had it open.",
         opening_journal_bytes.load(std::memory_order_relaxed)},
        {"checkpoint_errors",
         "Times that this member could not write a checkpoint that was due, as on a full or "
         "failing "
         "disk. The one before it holds; opening the log reads more of the journal.",
         checkpoint_errors.load(std::memory_order_relaxed)},
        {"settled_bytes",
         "Bytes of batches that this member moved from the journal into settled segments.",
         settled_bytes.load(std::memory_order_relaxed)},
        {"settling_errors",
         "Times that this member could not settle a partition, or could not remove what is "
         "settled from the journal: a full or failing disk, or damage, which `millrace log "
         "verify` names. The journal keeps the records.",
         settling_errors.load(std::memory_order_relaxed)},
        {"slowed_commits",
         "Commits of this member that waited before they began, as too much of the journal "
         "was not settled.",
         slowed_commits.load(std::memory_order_relaxed)},
        {"removed_bytes",
         "Bytes of settled segments that this member removed, as their topics keep records for "
         "some time or up to some size only.",
         removed_bytes.load(std::memory_order_relaxed)},
        {"compacted_records",
         "Records that compactions of this member removed: there is a later one of their key, "
         "or they were tombstones whose time was over.",
         compacted_records.load(std::memory_order_relaxed)},
        {"cleaning_errors",
         "Times that this member could not remove or compact settled segments of a partition: a "
         "full or failing disk, or damage, which `millrace log verify` names. The records stay.",
         cleaning_errors.load(std::memory_order_relaxed)},
        {"clock_jumps",
         "Times that this member found the wall clock ahead by more than an hour since it looked "
         "last. For a day it removes no records that are too old by that clock alone.",
         clock_jumps.load(std::memory_order_relaxed)},
        {"deletion_errors",
         "Times that this member could not rename or remove the settled segments of deleted "
         "topics, as on a full or failing disk. It tries again after a minute.",
         deletion_errors.load(std::memory_order_relaxed)},
        {"scrubbed_bytes",
         "Bytes of batches that this member read in the background to find damage.",
         scrubbed_bytes.load(std::memory_order_relaxed)},
        {"scrub_errors",
         "Damage that this member found in the background, mostly once for a partition in each "
         "pass; the "
         "log of the service names the file. Reading the record fails in the same way.",
         scrub_errors.load(std::memory_order_relaxed)}};
  }
};

}  // namespace millrace::log::embedded
