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

/// Makes what is committed durable. Of the members that wait, one syncs for all; those who come
/// meanwhile are covered by the next sync. Thread-safe.
class GroupCommit {
 public:
  /// All outlive it.
  GroupCommit(LogDirectory& directory, Journal& journal, SegmentMaker& segments)
      : directory_(directory), journal_(journal), segments_(segments) {}

  /// Log::wait_durable. errc::out_of_range for a position of an earlier incarnation that its end
  /// did not reach; failed_sync, closed.
  [[nodiscard]] Status wait(LogPosition wanted);
  /// The intervals of the policy `interval` are counted from here.
  void start_interval(std::int64_t now_ns) { last_sync_ns_ = now_ns; }
  /// Under the policy `interval`: syncs what is committed, once an interval has passed.
  [[nodiscard]] Status sync_when_due(std::int64_t now_ns);
  /// Syncs everything before `position`, beside a leader that may be at work, and says so to all
  /// who wait. errc::failed_sync.
  [[nodiscard]] Status sync_up_to(std::uint64_t position);
  /// Syncs the oldest segments that this member wrote to when they are too many to be kept open.
  /// Before the writer lock is taken: a member that writes faster than the disk waits alone.
  [[nodiscard]] Status sync_surplus();

 private:
  [[nodiscard]] Status lead_or_wait(std::uint64_t position);
  [[nodiscard]] Status sync_as_leader();
  /// Syncs what is not durable before `position`, names of segments too. When that fails no appends
  /// are taken any more, unless a file could not be opened: then the next attempt may work.
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
