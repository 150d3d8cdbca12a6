// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/base/clock.hpp"

namespace millrace::log::embedded {

/// The wall clock for decisions that cannot be undone: removing records because of their age. A
/// jump ahead of more than an hour takes effect only after a day, so that somebody can correct the
/// clock before. One thread uses it. The clock must outlive it.
class RetentionClock {
 public:
  struct Time {
    std::int64_t ms = 0;
    bool jumped = false;  ///< the clock jumped ahead since the call before
  };

  explicit RetentionClock(Clock& clock)
      : clock_(clock), wall_ms_(clock.wall_ms()), monotonic_ns_(clock.monotonic_ns()) {}

  [[nodiscard]] Time now() {
    const std::int64_t wall_ms = clock_.wall_ms();
    const std::int64_t now_ns = clock_.monotonic_ns();
    const std::int64_t expected_ms = wall_ms_ + (now_ns - monotonic_ns_) / 1'000'000;
    if (wall_ms - expected_ms > jump_ms) {
      const bool jumped = !ahead_since_ns_;
      ahead_since_ns_ = ahead_since_ns_.value_or(now_ns);
      if (now_ns - *ahead_since_ns_ < doubt_ns) {
        return {expected_ms, jumped};
      }
    }
    wall_ms_ = wall_ms;
    monotonic_ns_ = now_ns;
    ahead_since_ns_.reset();
    return {wall_ms, false};
  }

 private:
  static constexpr std::int64_t jump_ms = 3'600'000;
  static constexpr std::int64_t doubt_ns = 24 * jump_ms * 1'000'000;

  Clock& clock_;
  // The time at which the wall clock was last trusted.
  std::int64_t wall_ms_;
  std::int64_t monotonic_ns_;
  std::optional<std::int64_t> ahead_since_ns_;
};

}  // namespace millrace::log::embedded
