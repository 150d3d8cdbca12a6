// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>

#include "retail/contracts/ids.hpp"
#include "retail/contracts/money.hpp"

namespace retail {

/// Owned by pricing: list prices. Key: ProductCode.
inline constexpr const char* prices_topic = "prices";

/// The list price of a product moved, because of what was asked for in a period and the one before
/// it.
struct PriceMoved {
  static constexpr std::array millrace_as_text{"units", "units_before"};  // sums
  Money from_milli;
  Money to_milli;
  std::int64_t units = 0;
  std::int64_t units_before = 0;
};
BOOST_DESCRIBE_STRUCT(PriceMoved, (), (from_milli, to_milli, units, units_before))

}  // namespace retail
