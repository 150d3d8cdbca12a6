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

// Copies the topics, records and group positions of a log to another log. The functions return when
// the work is done. They call maintain() of both logs meanwhile.
namespace millrace::connect {

/// What to copy, and how.
struct CopyRequest {
  /// a pattern for names of topics, as of fnmatch(3); empty: all topics
  std::string topics;
  bool force = false;  ///< copy even while services run on the source
  bool verify = true;  ///< compare both logs afterwards
  /// approximate size of the records in one transaction
  std::size_t transaction_bytes = 4U << 20U;
};

/// What was done.
struct CopySummary {
  std::size_t topics = 0;
  std::size_t partitions = 0;
  std::int64_t records = 0;  ///< records that this run copied
  std::uint64_t bytes = 0;   ///< of their keys and values
  std::int64_t earlier = 0;  ///< records that earlier runs had copied
  std::size_t positions = 0;
  std::size_t groups = 0;
  /// Repartition topics from which the source has removed records. The copy does not know this. So
  /// a part that reads such a topic is rebuilt correctly on the copy only if all parts of its
  /// service are rebuilt (stream::reset_topology() without stores).
  std::vector<std::string> removed;
  /// the logs were compared; the members below are results of the comparison
  bool verified = false;
  std::int64_t verified_records = 0;
  /// Records that only one log still has, but that compaction may have removed: the other log has a
  /// later record of the key, or its tombstone.
  std::int64_t compacted = 0;
  /// One line for each difference: at most the first one of each partition, and different
  /// positions. Empty: the logs are equal.
  std::vector<std::string> differences;
};

/// The stage of a copy.
enum class CopyStage : std::uint8_t { copying, comparing };

/// Receives the progress of a copy, for a display. Override the functions that you need. They are
/// called in the thread that copies.
class CopyProgress {
 public:
  virtual ~CopyProgress() = default;
  /// A stage begins, with this many offsets of the source.
  virtual void begin(CopyStage /*stage*/, std::int64_t /*offsets*/) {}
  /// A record was copied or compared. `offsets` is the progress in offsets, `bytes` the size of its
  /// key and value. Called for each record.
  virtual void add(std::int64_t /*offsets*/, std::size_t /*bytes*/) {}
  /// The stage ended or was stopped. Not called after an error.
  virtual void end() {}
};

/// Objects that a copy uses. All must outlive it.
struct CopyWatch {
  Clock& clock;
  /// When it becomes true, a copy ends after the current transaction, a comparison after the
  /// current partition.
  const std::atomic<bool>& stop;
  CopyProgress& progress;
};

/// Copies a log to an empty log, or continues an earlier run of the same copy that was stopped or
/// killed. No record is lost, and no record is copied twice. The target is a handle of
/// log::any_service. If requested, compares both logs at the end; differences are part of the
/// summary and no error. Errors are those of the logs and
/// - errc::busy: services run on one of the logs, or another copy to the target is running;
/// - errc::invalid_argument: both are the same log; errc::not_found: the pattern matches no topic;
/// - errc::not_ours, log::errc::topic_mismatch: the target has other data;
/// - errc::differs: the records of the target do not fit its map;
/// - log::errc::incompatible, stream::errc::incompatible: the map or a manifest is of a newer
/// build;
/// - log::errc::fenced: another copier took over; errc::stopped.
///
///     CopyProgress silent;
///     MILLRACE_ASSIGN(auto done, copy_log(*from, *to, {}, {clock, stop, silent}));
[[nodiscard]] Result<CopySummary> copy_log(log::Log& source, log::Log& target,
                                           const CopyRequest& request, const CopyWatch& watch);

/// Only compares a log with its copy. Writes nothing; services may run. errc::not_found when the
/// target is not a copy or the pattern matches no topic; errc::stopped, log::errc::topic_mismatch,
/// errc::differs and the codes `incompatible` as for copy_log(); and the errors of the logs.
[[nodiscard]] Result<CopySummary> compare_copy(log::Log& source, log::Log& target,
                                               const CopyRequest& request, const CopyWatch& watch);

/// Returns what copy_log() would copy, and writes nothing. `target` may be null if it does not
/// exist yet. Fails like copy_log(), as far as the errors are known before.
[[nodiscard]] Result<CopySummary> plan_copy(log::Log& source, log::Log* target,
                                            const CopyRequest& request);

/// True if the group belongs to a running service: it has members, and is not a group of tools or
/// copies.
[[nodiscard]] bool is_live(const log::GroupInfo& group);

}  // namespace millrace::connect
