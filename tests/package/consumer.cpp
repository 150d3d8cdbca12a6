// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <millrace/base/clock.hpp>
#include <millrace/base/error.hpp>

#include <cstdio>

namespace {

millrace::Result<std::int64_t> past_2020(std::int64_t wall_ms) {
  constexpr std::int64_t year_2020_ms = 1'577'836'800'000;
  if (wall_ms < year_2020_ms) {
    return millrace::fail(millrace::errc::invalid_argument, "the clock stands before 2020: set it");
  }
  return wall_ms - year_2020_ms;
}

}  // namespace

int main() {
  millrace::ManualClock clock(0);
  const bool refused = !past_2020(clock.wall_ms());
  const auto now = past_2020(millrace::real_clock().wall_ms());
  if (!refused || !now) {
    std::puts("the installed library does not work");
    return 1;
  }
  std::puts("consumer: ok");
  return 0;
}
