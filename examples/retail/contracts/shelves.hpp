// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>

#include "retail/contracts/ids.hpp"

namespace retail {

/// Owned by stock: every change of every shelf. Key: ProductCode.
inline constexpr const char* shelves_topic = "stock.shelves";

/// What a shelf has seen and holds, in pieces. free = opened + arrived + taken_back - written_off -
/// shipped - reserved, always; free and reserved are never below 0. `on_order` is on its way.
struct ShelfLevel {
  std::int64_t opened = 0;
  std::int64_t arrived = 0;
  std::int64_t taken_back = 0;
  std::int64_t written_off = 0;
  std::int64_t shipped = 0;
  std::int64_t reserved = 0;
  std::int64_t free = 0;
  std::int64_t on_order = 0;
};
BOOST_DESCRIBE_STRUCT(ShelfLevel, (),
                      (opened, arrived, taken_back, written_off, shipped, reserved, free, on_order))

enum class ShelfChange : std::uint8_t {
  opened,
  reserved,
  released,
  shipped,
  taken_back,
  written_off,
  ordered,
  arrived
};
BOOST_DESCRIBE_ENUM(ShelfChange, opened, reserved, released, shipped, taken_back, written_off,
                    ordered, arrived)

/// One change of a shelf, by `quantity` pieces, and the whole level after it.
struct ShelfChanged : ShelfLevel {
  ShelfChange change = ShelfChange::opened;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(ShelfChanged, (ShelfLevel), (change, quantity))

}  // namespace retail
