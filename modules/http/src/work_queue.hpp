// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "millrace/base/mutex.hpp"

namespace millrace::http {

/// Runs jobs on threads of its own, so that what takes long does not hold up an io thread. Two
/// bounded lines: jobs that others must not hold up (a scrape of metrics) have a thread for
/// themselves. Thread-safe.
class WorkQueue {
 public:
  using Job = std::move_only_function<void()>;
  enum class Line : unsigned char { common, reserved };

  /// `threads` for the common line, at least one, and one for the reserved line. Each line holds
  /// at most `max_waiting` jobs that are not begun, at least one.
  WorkQueue(std::size_t threads, std::size_t max_waiting);
  /// Stops.
  ~WorkQueue() { stop(); }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Starts the threads. Once; without it no job is run.
  void start();
  /// Takes room for one job; push() is owed. False: the line is full.
  [[nodiscard]] bool take_room(Line line);
  /// Takes a job that has room. It must not throw.
  void push(Line line, Job job);
  /// Drops the jobs that are not begun and waits for those under way. Idempotent.
  void stop();

 private:
  struct Jobs {
    std::size_t room = 0;
    std::deque<Job> waiting;
    CondVar arrived;
  };
  Jobs& jobs(Line line) { return line == Line::common ? common_ : reserved_; }
  void run(Jobs& line);

  const std::size_t thread_count_;
  Mutex mutex_;
  // Their rooms and jobs are guarded by the mutex.
  Jobs common_;
  Jobs reserved_;
  bool stopping_ MILLRACE_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::http
