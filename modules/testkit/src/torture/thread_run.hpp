// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/memory_log.hpp"
#include "torture/tally.hpp"
#include "torture/torment.hpp"

namespace millrace::testkit {

/// One run of torture() with two instances, each in a thread of its own. Time is simulated: an
/// instance that has nothing to do lets it pass. No thread sleeps, and none waits for a time.
class ThreadRun {
 public:
  /// All outlive it. `tasks` of all instances together, once there is nothing to do.
  ThreadRun(const TortureTopology& topology, const TortureInputs& inputs,
            const TortureOptions& options, std::size_t tasks);
  ~ThreadRun();
  ThreadRun(const ThreadRun&) = delete;
  ThreadRun& operator=(const ThreadRun&) = delete;

  /// Runs all inputs and hostile records. Throws TestError when it does not come to rest, or when
  /// an instance ends.
  [[nodiscard]] Tally run();
  void report(TortureReport& report) const;
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  struct Member;
  void write_undisturbed(const std::function<void()>& write);
  void work(Member& member);
  void step(Member& member);
  void start(Member& member);
  void kill(Member& member);
  void hand_over(Member& member);
  void pass_ms(std::int64_t ms);
  void get_stuck();
  void release();
  /// Waits until nothing was left to do for a while; with `or_stuck` also until that is so of all
  /// instances but the one that is stuck.
  void await_rest(bool or_stuck = false);
  [[nodiscard]] bool rests(bool or_stuck) const MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] bool caught_up() const;
  void count_step(Member& member, bool worked);
  void end();

  const TortureTopology* topology_;
  const TortureInputs* inputs_;
  const TortureOptions* options_;
  const std::size_t tasks_;
  stream::Topology plan_;
  Torment torment_;
  ManualClock clock_;
  const std::unique_ptr<log::MemoryBroker> broker_;  // null: the log is another one
  const EventWriter::Connect connect_;
  EventWriter writer_;
  std::unique_ptr<log::Log> tool_log_;
  TopicReader reader_;
  std::vector<std::unique_ptr<Member>> members_;

  std::atomic<std::int64_t> calls_to_stuck_;
  std::atomic<bool> released_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> steps_ = 0;
  std::atomic<std::uint64_t> deaths_ = 0;
  std::atomic<std::uint64_t> hand_overs_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  Member* stuck_ MILLRACE_GUARDED_BY(mutex_) = nullptr;
  std::exception_ptr failure_ MILLRACE_GUARDED_BY(mutex_);
  Mutex commits_mutex_;  // for what the broker is notified of commits
  std::uint64_t stuck_calls_ = 0;
};

}  // namespace millrace::testkit
