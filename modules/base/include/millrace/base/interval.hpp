// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace {

/// The longest interval that a setting may ask for: 365 days.
inline constexpr std::int64_t longest_interval_ms = 31'536'000'000;

/// The sum; if it overflows, the nearest limit of the type.
[[nodiscard]] constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

/// Converts milliseconds to nanoseconds; if the result overflows, the nearest limit of the type.
[[nodiscard]] constexpr std::int64_t ns_of_ms(std::int64_t ms) {
  std::int64_t ns = 0;
  if (!__builtin_mul_overflow(ms, std::int64_t{1'000'000}, &ns)) return ns;
  return ms < 0 ? std::numeric_limits<std::int64_t>::min()
                : std::numeric_limits<std::int64_t>::max();
}

/// Checks that a setting in milliseconds is in its range. errc::invalid_argument names the setting,
/// the value and the range.
[[nodiscard]] inline Status check_interval_ms(std::string_view setting, std::int64_t value_ms,
                                              std::int64_t least_ms,
                                              std::int64_t most_ms = longest_interval_ms) {
  if (value_ms >= least_ms && value_ms <= most_ms) return {};
  return fail(errc::invalid_argument, "{} = {} is not allowed: use {} to {}", setting, value_ms,
              least_ms, most_ms);
}

}  // namespace millrace
