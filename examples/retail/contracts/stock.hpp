// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <variant>
#include <vector>

#include "retail/contracts/orders.hpp"

namespace retail {

/// Owned by stock: what became of the goods of an order, a return or a write-off. Key: RequestId.
inline constexpr const char* stock_topic = "stock";

/// All goods of an order are reserved. `lines` counts those that have a shelf.
struct StockReserved {
  std::int64_t lines = 0;
};
BOOST_DESCRIBE_STRUCT(StockReserved, (), (lines))

/// Some goods were short; what had been taken was given back before this was said.
struct StockRefused {
  std::vector<Shortage> shortages;
};
BOOST_DESCRIBE_STRUCT(StockRefused, (), (shortages))

/// The reservations of a rejected order are given back.
struct StockReleased {
  std::int64_t lines = 0;
};
BOOST_DESCRIBE_STRUCT(StockReleased, (), (lines))

/// The goods of a return are back on their shelves.
struct GoodsTakenBack {
  std::int64_t lines = 0;
};
BOOST_DESCRIBE_STRUCT(GoodsTakenBack, (), (lines))

/// A write-off is recorded; `taken` is at most what was free. Final.
struct StockWrittenOff {
  std::int64_t asked = 0;
  std::int64_t taken = 0;
};
BOOST_DESCRIBE_STRUCT(StockWrittenOff, (), (asked, taken))

using StockEvent =
    std::variant<StockReserved, StockRefused, StockReleased, GoodsTakenBack, StockWrittenOff>;

}  // namespace retail
