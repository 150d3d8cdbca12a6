// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/clock.hpp"

#include <ctime>

namespace millrace {
namespace {

class RealClock final : public Clock {
 public:
  std::int64_t wall_ms() override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000 + now.tv_nsec / 1'000'000;
  }
  std::int64_t monotonic_ns() override { return read_ns(CLOCK_BOOTTIME); }
  std::int64_t awake_ns() override { return read_ns(CLOCK_MONOTONIC); }

 private:
  static std::int64_t read_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace

Clock& real_clock() {
  static RealClock clock;
  return clock;
}

}  // namespace millrace
