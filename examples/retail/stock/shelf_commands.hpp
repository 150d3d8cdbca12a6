// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <vector>

#include "retail/stock/topology.hpp"

namespace retail::stock {

enum class ShelfAction : std::uint8_t {
  reserve,    ///< all lines or none; answered
  give_back,  ///< what is reserved of the order; answered
  ship,       ///< what is reserved of the order; not answered
  take_back,  ///< answered
  write_off   ///< at most what is free; answered
};
BOOST_DESCRIBE_ENUM(ShelfAction, reserve, give_back, ship, take_back, write_off)

/// From the gathering of a request to the shelves of one partition: one record for all its lines
/// there. Key: RequestId.
struct ShelfCommand {
  ShelfAction action = ShelfAction::reserve;
  std::int32_t partition = 0;
  std::vector<Reservation> lines;  ///< none for what the shelves remember themselves
};
BOOST_DESCRIBE_STRUCT(ShelfCommand, (), (action, partition, lines))

/// Back to the gathering. Key: RequestId.
struct ShelfAnswer {
  ShelfAction action = ShelfAction::reserve;
  std::int32_t partition = 0;
  std::int64_t taken = 0;           ///< pieces written off
  std::vector<Shortage> shortages;  ///< when the lines could not be reserved
};
BOOST_DESCRIBE_STRUCT(ShelfAnswer, (), (action, partition, taken, shortages))

inline constexpr const char* shelf_commands_topic = "shelf-commands";  ///< private
inline constexpr const char* shelf_answers_topic = "shelf-answers";    ///< private

}  // namespace retail::stock
