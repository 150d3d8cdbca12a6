// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "journal.hpp"
#include "log_directory.hpp"
#include "millrace/log/types.hpp"
#include "segment_maker.hpp"

namespace millrace::log::embedded {

/// Makes commits durable. One of the waiting members syncs for all of them; members that come
/// during a sync wait for the next one. Thread-safe.
class GroupCommit {
 public:
  /// All outlive it.
  GroupCommit(LogDirectory& directory, Journal& journal, SegmentMaker& segments)
      : directory_(directory), journal_(journal), segments_(segments) {}

  /// Log::wait_durable. errc::out_of_range for a position of an earlier incarnation that was lost
  /// at its end; failed_sync, closed.
  [[nodiscard]] Status wait(LogPosition wanted);
  /// The intervals of the policy `interval` begin with this call.
  void start_interval(std::int64_t now_ns) { last_sync_ns_ = now_ns; }
  /// Under the policy `interval`: syncs all commits when an interval has passed.
  [[nodiscard]] Status sync_when_due(std::int64_t now_ns);
  /// Syncs all commits before `position`, even while a leader may sync too, and wakes all waiters.
  /// errc::failed_sync.
  [[nodiscard]] Status sync_up_to(std::uint64_t position);
  /// Syncs the oldest segments that this member wrote to, when they are too many to stay open. Call
  /// it before taking the writer lock, so that a member that writes faster than the disk does not
  /// delay others.
  [[nodiscard]] Status sync_surplus();

 private:
  [[nodiscard]] Status lead_or_wait(std::uint64_t position);
  [[nodiscard]] Status sync_as_leader();
  /// Syncs all bytes before `position` that are not durable, and the names of segments. When this
  /// fails, the log refuses further appends, unless a file could not be opened: then the next
  /// attempt may succeed.
  [[nodiscard]] Status make_durable(std::uint64_t position);
  [[nodiscard]] bool lead(std::uint32_t& leader, bool timed_out);
  void sleep(std::uint32_t word, std::int64_t timeout_ns);
  void wake_sleepers();

  LogDirectory& directory_;
  Journal& journal_;
  SegmentMaker& segments_;
  std::atomic<std::int64_t> last_sync_ns_ = 0;
};

}  // namespace millrace::log::embedded
