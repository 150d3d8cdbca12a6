// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "millrace/stream/instance.hpp"
#include "runtime/membership.hpp"
#include "runtime/task.hpp"

namespace millrace::stream {

/// The instance behind its face. step(), wait() and close() by one thread; maintain(), reads and
/// status by any.
class Instance::Core {
 public:
  Core(log::Log& log, Topology topology, InstanceOptions options, Environment environment);
  ~Core();

  [[nodiscard]] Status open();
  [[nodiscard]] Result<StepResult> step();
  void wait(const StepResult& last);
  void interrupt() { waiter_->interrupt(); }
  [[nodiscard]] Status close();
  void maintain();

  [[nodiscard]] InstanceStatus status() const;
  [[nodiscard]] std::optional<std::string> stalled() const;
  [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }
  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] Result<Answer<std::optional<std::string>>> read(std::string_view store,
                                                                std::string_view key) const;
  [[nodiscard]] Result<Answer<std::vector<std::pair<std::string, std::string>>>> read_range(
      std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const;

 private:
  using Task = runtime::Task;
  using Tasks = std::vector<std::unique_ptr<Task>>;
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  // core.cpp: the life of tasks
  [[nodiscard]] Status make_topics();
  [[nodiscard]] Result<StepResult> do_step();
  [[nodiscard]] Status look_for_topics(std::int64_t now_ns, StepResult& result);
  [[nodiscard]] Status poll_memberships(std::int64_t now_ns, StepResult& result);
  [[nodiscard]] Status apply_change(runtime::SubTopologyMember& member,
                                    const log::MembershipChange& change);
  void remove_task(const log::Claim& claim);
  [[nodiscard]] Status restore_tasks(StepResult& result);
  void read_ahead();
  [[nodiscard]] Status wait_if_unavailable(Status done, StepResult& result);
  void keep_snapshots(std::int64_t now_ns);
  [[nodiscard]] std::int64_t wake_at(std::int64_t now_ns) const;

  // cycle.cpp: process and commit
  [[nodiscard]] Status run_cycle(StepResult& result);
  [[nodiscard]] Result<bool> commit(StepResult& result);
  [[nodiscard]] Status commit_refused(const Error& error, StepResult& result);
  [[nodiscard]] Status narrow_down(const Error& error);
  void reload_tasks();
  void back_off(std::int64_t first_ms, std::int64_t last_ms);
  void drop_all();
  [[nodiscard]] std::size_t uncommitted_units() const;

  // queries.cpp: what any thread asks
  [[nodiscard]] const StoreSpec* find_store(std::string_view name) const;
  [[nodiscard]] Error unknown_store(std::string_view name) const;
  void update_status();
  void list_tasks(InstanceStatus& status) const;
  [[nodiscard]] std::int64_t ms_since_progress() const;
  void refresh_lag(std::int64_t now_ns);
  void report_stall();

  Topology topology_;
  InstanceOptions options_;
  Environment environment_;
  runtime::Shared shared_;
  std::unique_ptr<log::Waiter> waiter_;
  std::vector<log::Interest> interests_;
  std::vector<std::unique_ptr<runtime::SubTopologyMember>> members_;  // the same from open() on
  // Changed by the stepping thread, under the lock; that thread reads without.
  Tasks tasks_;
  mutable SharedMutex tasks_mutex_;

  std::optional<Error> ended_;
  bool idle_ = true;  // nothing was done in the last step
  std::int64_t looked_ns_ = -1;
  std::int64_t polled_ns_ = -1;
  std::int64_t blocked_until_ns_ = 0;  // after a failure: no cycle before that
  std::int64_t next_cycle_ns_ = 0;     // by the commit interval
  std::size_t first_task_ = 0;         // of the next cycle: after the one that had no time left
  std::int64_t backoff_ms_ = 0;
  std::size_t unit_limit_ = no_limit;  // records and firings per commit, less after a too large one
  std::uint64_t commits_ = 0;
  std::uint64_t refused_commits_ = 0;
  int refused_in_a_row_ = 0;
  bool tasks_changed_ = true;
  std::atomic<std::int64_t> cycle_began_ns_ = 0;
  std::atomic<std::int64_t> stepped_ns_ = 0;   // end of the last step
  std::atomic<std::int64_t> progress_ns_ = 0;  // as InstanceStatus::ms_since_progress
  std::atomic<bool> stall_reported_ = false;

  mutable Mutex status_mutex_;
  InstanceStatus status_ MILLRACE_GUARDED_BY(status_mutex_);
  // How far the inputs of each task of status_ were processed, by its index there.
  std::vector<std::pair<std::size_t, log::Interest>> reached_ MILLRACE_GUARDED_BY(status_mutex_);
  std::uint64_t status_version_ MILLRACE_GUARDED_BY(status_mutex_) = 0;
  std::int64_t lag_looked_ns_ MILLRACE_GUARDED_BY(status_mutex_) = 0;
  std::atomic<bool> ready_ = false;  // as in status_
};

}  // namespace millrace::stream
