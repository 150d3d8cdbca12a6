// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "simulated_time.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace {

void SimulatedTime::schedule(std::int64_t at_ns, std::function<void()> event) {
  const MutexLock lock(mutex_);
  events_.emplace(at_ns, std::move(event));
}

void SimulatedTime::wait(const std::uint32_t* word, std::uint32_t expected,
                         std::int64_t timeout_ns) {
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected || timeout_ns <= 0) {
    return;
  }
  const std::function<void()> event = pass(timeout_ns);
  if (!event) {
    return;
  }
  event();
  end_event();
}

std::function<void()> SimulatedTime::pass(std::int64_t timeout_ns) {
  const MutexLock lock(mutex_);
  const std::int64_t now_ns = clock_.monotonic_ns();
  const std::int64_t until_ns =
      now_ns + std::min(timeout_ns, std::numeric_limits<std::int64_t>::max() - now_ns);
  const auto next = events_.begin();
  if (inside_event_ || next == events_.end() || next->first > until_ns) {
    move_clock_to(until_ns);
    return {};
  }
  move_clock_to(next->first);
  inside_event_ = true;
  std::function<void()> event = std::move(next->second);
  events_.erase(next);
  return event;
}

void SimulatedTime::move_clock_to(std::int64_t time_ns) {
  // The clock moves in whole milliseconds; a time that it cannot show has come with the next one.
  constexpr std::int64_t ns_per_ms = 1'000'000;
  const std::int64_t left_ns = time_ns - clock_.monotonic_ns();
  if (left_ns > 0) {
    clock_.advance_ms(left_ns / ns_per_ms + (left_ns % ns_per_ms == 0 ? 0 : 1));
  }
}

void SimulatedTime::end_event() {
  const MutexLock lock(mutex_);
  inside_event_ = false;
}

}  // namespace millrace
