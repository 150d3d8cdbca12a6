// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <stdexcept>

namespace retail {

/// a + b. Throws std::overflow_error when the sum leaves the range of int64; in a handler the
/// record then goes to the dead letters.
[[nodiscard]] inline std::int64_t exact_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw std::overflow_error("a sum leaves the range of 64 bits");
  }
  return sum;
}

/// a - b, as exact_sum().
[[nodiscard]] inline std::int64_t exact_difference(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) {
    throw std::overflow_error("a difference leaves the range of 64 bits");
  }
  return difference;
}

/// a + b, or the end of the range of int64 that the sum lies beyond. For times,
/// and for sums that are only compared.
[[nodiscard]] inline std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return b < 0 ? INT64_MIN : INT64_MAX;
  }
  return sum;
}

}  // namespace retail
