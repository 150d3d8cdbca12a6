// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/progress.hpp"
#include "runtime/tasks.hpp"

namespace millrace::stream::runtime {

/// The cycle of an instance: every task has its turn, then all they did is one commit. What a
/// commit that is refused means is decided here. One thread, that of step(), except for
/// end_if_long().
class Cycle {
 public:
  /// All outlive it.
  Cycle(Shared& shared, Tasks& tasks, Progress& progress)
      : shared_(&shared), tasks_(&tasks), progress_(&progress) {}

  /// After a failure nothing is tried until next_ns().
  [[nodiscard]] bool is_blocked(std::int64_t now_ns) const { return now_ns < blocked_until_ns_; }
  /// The interval between commits has passed.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const { return now_ns >= next_cycle_ns_; }
  /// No cycle before that.
  [[nodiscard]] std::int64_t next_ns() const { return std::max(blocked_until_ns_, next_cycle_ns_); }

  /// Processes and commits. A refused commit is dealt with and is no failure, unless the log failed
  /// or a policy says so.
  [[nodiscard]] Status run(StepResult& result);
  /// Blocks for a while, longer each time until a commit succeeds.
  void back_off(std::int64_t first_ms, std::int64_t last_ms);

  /// Ends the cycle under way, after the record in hand of each task, when it takes longer than a
  /// share of the session. Any thread.
  void end_if_long(std::int64_t now_ns);

 private:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] Result<bool> commit(StepResult& result);
  [[nodiscard]] Status refused(const Error& error, StepResult& result);
  [[nodiscard]] bool has_ranges(const Error& error);
  [[nodiscard]] Status narrow_down(const Error& error);

  Shared* shared_;
  Tasks* tasks_;
  Progress* progress_;

  std::int64_t blocked_until_ns_ = 0;
  std::int64_t next_cycle_ns_ = 0;  // by the commit interval
  std::size_t first_task_ = 0;      // of the next cycle: after the one that had no time left
  std::int64_t backoff_ms_ = 0;
  // Records and firings per commit, less after a refused one.
  std::size_t work_item_limit_ = no_limit;
  int refused_in_a_row_ = 0;
  std::atomic<std::int64_t> began_ns_ = 0;
};

}  // namespace millrace::stream::runtime
