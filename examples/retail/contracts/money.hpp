// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <compare>
#include <cstdint>
#include <optional>

#include "retail/contracts/exact.hpp"

namespace retail {

/// An exact amount in thousandths of a pound. Written as its number; fields that hold one end in
/// `_milli`. Sums are those of exact_sum().
struct Money {
  using millrace_transparent = void;
  std::int64_t milli = 0;
  friend auto operator<=>(const Money&, const Money&) = default;
  Money& operator+=(Money other) {
    milli = exact_sum(milli, other.milli);
    return *this;
  }
  Money& operator-=(Money other) {
    milli = exact_difference(milli, other.milli);
    return *this;
  }
  friend Money operator+(Money a, Money b) { return a += b; }
  friend Money operator-(Money a, Money b) { return a -= b; }
};
BOOST_DESCRIBE_STRUCT(Money, (), (milli))

/// `so_far + quantity * unit_price`, or nothing when that leaves the range of int64.
[[nodiscard]] inline std::optional<Money> add_line(Money so_far, std::int64_t quantity,
                                                   Money unit_price) {
  Money total;
  std::int64_t line = 0;
  if (__builtin_mul_overflow(quantity, unit_price.milli, &line) ||
      __builtin_add_overflow(so_far.milli, line, &total.milli))
    return std::nullopt;
  return total;
}

}  // namespace retail
