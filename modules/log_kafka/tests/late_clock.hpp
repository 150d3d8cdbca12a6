// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "log_contract.hpp"

namespace millrace::log {

/// The brokers have the real time, and refuse records of `__millrace` that are an hour ahead. So
/// that tests can let weeks pass, the time of members is behind at first.
class LateClock final : public Clock {
 public:
  std::int64_t wall_ms() override { return clock_.wall_ms() - behind_ms; }
  std::int64_t monotonic_ns() override { return clock_.monotonic_ns(); }
  void advance_ms(std::int64_t ms) { clock_.advance_ms(ms); }

 private:
  static constexpr std::int64_t behind_ms = std::int64_t{60} * 24 * 3'600'000;
  SkewedClock clock_;
};

}  // namespace millrace::log
