// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace {

/// Wall time and monotonic time. Library code gets its time only from this interface, so that tests
/// can set it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC; may jump forward and back.
  [[nodiscard]] virtual std::int64_t wall_ms() = 0;
  /// Nanoseconds since boot, the same for all processes of the machine; never goes back.
  [[nodiscard]] virtual std::int64_t monotonic_ns() = 0;
  /// Like monotonic_ns(), but does not count the time during which the machine was suspended: the
  /// time in which processes could run. It has another starting point, so do not compare the two.
  [[nodiscard]] virtual std::int64_t awake_ns() { return monotonic_ns(); }
};

/// The machine's clocks. Lives for the whole program.
[[nodiscard]] Clock& real_clock();

/// A clock that only a test moves. Starts at the given wall time. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t wall_ms = 1'600'000'000'000) : wall_ms_(wall_ms) {}
  std::int64_t wall_ms() override { return __atomic_load_n(&wall_ms_, __ATOMIC_RELAXED); }
  std::int64_t monotonic_ns() override { return __atomic_load_n(&monotonic_ns_, __ATOMIC_RELAXED); }
  std::int64_t awake_ns() override {
    return monotonic_ns() - __atomic_load_n(&suspended_ns_, __ATOMIC_RELAXED);
  }
  /// Moves all times forward.
  void advance_ms(std::int64_t ms) {
    __atomic_fetch_add(&wall_ms_, ms, __ATOMIC_RELAXED);
    __atomic_fetch_add(&monotonic_ns_, ms * 1'000'000, __ATOMIC_RELAXED);
  }
  /// Suspends the machine for this time: wall_ms() and monotonic_ns() advance, awake_ns() does not.
  void suspend_ms(std::int64_t ms) {
    __atomic_fetch_add(&suspended_ns_, ms * 1'000'000, __ATOMIC_RELAXED);
    advance_ms(ms);
  }
  /// Moves only the wall time, forward or back, as when an operator or NTP sets the clock.
  void jump_wall_ms(std::int64_t ms) { __atomic_fetch_add(&wall_ms_, ms, __ATOMIC_RELAXED); }

 private:
  std::int64_t wall_ms_;
  std::int64_t monotonic_ns_ = 1'000'000'000;
  std::int64_t suspended_ns_ = 0;
};

}  // namespace millrace
