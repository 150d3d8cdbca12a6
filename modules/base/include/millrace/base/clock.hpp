// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace {

/// The times of the world. Everything below the seams gets its time from here. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC; may jump either way.
  [[nodiscard]] virtual std::int64_t wall_ms() = 0;
  /// Nanoseconds since boot, the same for all processes of the machine; never goes back.
  [[nodiscard]] virtual std::int64_t monotonic_ns() = 0;
  /// The same without the time in which the machine was suspended: for how long a process of it
  /// could have done something. It begins elsewhere, so the two are not compared.
  [[nodiscard]] virtual std::int64_t awake_ns() { return monotonic_ns(); }
};

/// The machine's clocks. Lives for the whole program.
[[nodiscard]] Clock& real_clock();

/// A clock that a test cranks by hand. Starts at the given wall time. Thread-safe.
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
  /// The machine sleeps for so long: only the time that it is awake stands still.
  void suspend_ms(std::int64_t ms) {
    __atomic_fetch_add(&suspended_ns_, ms * 1'000'000, __ATOMIC_RELAXED);
    advance_ms(ms);
  }
  /// Moves wall time only, either way: an operator or NTP set the clock.
  void jump_wall_ms(std::int64_t ms) { __atomic_fetch_add(&wall_ms_, ms, __ATOMIC_RELAXED); }

 private:
  std::int64_t wall_ms_;
  std::int64_t monotonic_ns_ = 1'000'000'000;
  std::int64_t suspended_ns_ = 0;
};

}  // namespace millrace
