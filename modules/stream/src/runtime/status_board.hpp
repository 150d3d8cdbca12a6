// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/progress.hpp"
#include "runtime/tasks.hpp"

namespace millrace::stream::runtime {

/// What an instance says of itself: a copy of its state that the stepping thread makes, with what
/// moves while a handler works. Any thread, except for update().
class StatusBoard {
 public:
  /// All outlive it.
  StatusBoard(const Shared& shared, Tasks& tasks, const Progress& progress)
      : shared_(&shared), tasks_(&tasks), progress_(&progress) {}

  /// Copies the state. The stepping thread. `ended`: the instance takes no more steps.
  void update(bool ended);

  [[nodiscard]] InstanceStatus status() const;
  /// As InstanceStatus::ready, without a lock.
  [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }
  /// As Instance::stalled.
  [[nodiscard]] std::optional<std::string> stalled() const;
  /// Reads the ends of the inputs when no step ended for a while: a step that takes long does not
  /// see what its inputs get meanwhile.
  void refresh_lag(std::int64_t now_ns);
  /// Reports a stall, and its end, once.
  void report_stall();

 private:
  void count(InstanceStatus& status) const;
  [[nodiscard]] bool list_missing(InstanceStatus& status) const;

  const Shared* shared_;
  Tasks* tasks_;
  const Progress* progress_;

  std::atomic<bool> stall_reported_ = false;
  std::atomic<bool> ready_ = false;  // as in status_
  mutable Mutex mutex_;
  InstanceStatus status_ MILLRACE_GUARDED_BY(mutex_);
  // How far the inputs of each task of status_ were processed, by its index there.
  std::vector<std::pair<std::size_t, log::Interest>> reached_ MILLRACE_GUARDED_BY(mutex_);
  std::uint64_t version_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::int64_t lag_looked_ns_ MILLRACE_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::stream::runtime
