// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "millrace/base/clock.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace {

/// The time of a simulated machine. No thread sleeps: a wait moves the clock and runs an event that
/// is scheduled in between. Thread-safe.
class SimulatedTime {
 public:
  /// The clock outlives it.
  explicit SimulatedTime(ManualClock& clock) : clock_(clock) {}

  /// SimulatedRegions::schedule.
  void schedule(std::int64_t at_ns, std::function<void()> event);
  /// Waits while `*word == expected`, for this time at most. Moves the clock to the next event
  /// within the time and runs it, or to the end of the time if there is no event. Inside an event
  /// the clock moves to the end of the time, and events that were due meanwhile run late.
  void wait(const std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns);

 private:
  /// The event that ends this wait; empty when only the clock moves.
  [[nodiscard]] std::function<void()> pass(std::int64_t timeout_ns);
  void move_clock_to(std::int64_t time_ns);
  void end_event();

  ManualClock& clock_;
  Mutex mutex_;
  std::multimap<std::int64_t, std::function<void()>> events_ MILLRACE_GUARDED_BY(mutex_);
  bool inside_event_ MILLRACE_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
