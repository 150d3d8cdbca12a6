// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"

// The copy of a log in another one: its topics, records and positions of groups. The functions
// return when the work is done; they maintain both logs meanwhile.
namespace millrace::connect {

/// What to copy, and how.
struct CopyRequest {
  std::string topics;                         ///< a pattern as of fnmatch; empty: all
  bool force = false;                         ///< copy also while services run on the source
  bool verify = true;                         ///< compare afterwards
  std::size_t transaction_bytes = 4U << 20U;  ///< of records in one transaction, about
};

/// What was done.
struct CopySummary {
  std::size_t topics = 0;
  std::size_t partitions = 0;
  std::int64_t records = 0;  ///< copied now
  std::uint64_t bytes = 0;   ///< of their keys and values
  std::int64_t earlier = 0;  ///< records that earlier runs had copied
  std::size_t positions = 0;
  std::size_t groups = 0;
  /// Repartitions of which the source has removed records. The copy does not show that: a part
  /// that reads one there is rebuilt from all its inputs only when all parts of its service are
  /// (stream::reset_topology() without stores).
  std::vector<std::string> removed;
  bool verified = false;  ///< they were compared; the members below are of that
  std::int64_t verified_records = 0;
  /// Records that only one side still has, as compaction may have it: a later record of that key,
  /// or its tombstone, is there.
  std::int64_t compacted = 0;
  /// One line each, at most the first one of each partition, and positions; empty: both are the
  /// same.
  std::vector<std::string> differences;
};

/// What a copy is doing.
enum class CopyStage : std::uint8_t { copying, comparing };

/// Is notified of how far a copy is, for a display. Does nothing unless a function is overridden.
/// Called by the thread that copies.
class CopyProgress {
 public:
  virtual ~CopyProgress() = default;
  /// A stage begins, of so many offsets of the source.
  virtual void begin(CopyStage /*stage*/, std::int64_t /*offsets*/) {}
  /// A record was copied or compared: how many offsets further that is, and the bytes of its key
  /// and value. Called for each record.
  virtual void add(std::int64_t /*offsets*/, std::size_t /*bytes*/) {}
  /// The stage has ended, or was stopped. Not called when the work fails.
  virtual void end() {}
};

/// What the work needs from outside. All outlive it.
struct CopyWatch {
  Clock& clock;
  /// True ends a copy after the transaction in hand, a comparison after the partition in hand.
  const std::atomic<bool>& stop;
  CopyProgress& progress;
};

/// Copies to a log that holds nothing else, or continues where an earlier run of the same copy was
/// stopped or killed: no record is lost and none is there twice. The target is a handle of
/// log::any_service. Compares in the end if asked to; differences that it finds are part of the
/// summary, and no failure. Failures are those of the logs and
/// - errc::busy: services run on one of the logs, or another copy to the target is under way;
/// - errc::invalid_argument: both are the same log; errc::not_found: the pattern matches no topic;
/// - errc::not_ours, log::errc::topic_mismatch: the target holds something else;
/// - errc::differs: the target does not hold what its map says;
/// - log::errc::incompatible, stream::errc::incompatible: the map or a manifest is of a newer
/// build;
/// - log::errc::fenced: another copier took over; errc::stopped.
///
///     CopyProgress silent;
///     MILLRACE_ASSIGN(auto done, copy_log(*from, *to, {}, {clock, stop, silent}));
[[nodiscard]] Result<CopySummary> copy_log(log::Log& source, log::Log& target,
                                           const CopyRequest& request, const CopyWatch& watch);

/// Only compares a log with the copy of it; writes nothing, and services may run. errc::not_found
/// when the target is no copy or the pattern matches no topic, errc::stopped,
/// log::errc::topic_mismatch, errc::differs and the codes `incompatible` as copy_log(), and
/// failures of the logs.
[[nodiscard]] Result<CopySummary> compare_copy(log::Log& source, log::Log& target,
                                               const CopyRequest& request, const CopyWatch& watch);

/// What copy_log() would do; it writes nothing. `target` may be null: it does not exist yet.
/// Refuses what copy_log() would refuse, as far as that is known before.
[[nodiscard]] Result<CopySummary> plan_copy(log::Log& source, log::Log* target,
                                            const CopyRequest& request);

/// Whether a copy takes the group for a service that runs: it has members, and is not of tools or
/// of copies.
[[nodiscard]] bool is_live(const log::GroupInfo& group);

}  // namespace millrace::connect
