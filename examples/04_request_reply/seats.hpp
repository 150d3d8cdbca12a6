// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>

#include "millrace/stream/requests.hpp"
#include "millrace/stream/topology.hpp"

namespace seats {

// [requests]
/// A command: reserve seats of a show. Keyed by show.
struct ReserveSeats {
  std::int64_t seats = 0;
};
BOOST_DESCRIBE_STRUCT(ReserveSeats, (), (seats))

/// What became of it. Keyed by show.
struct SeatsReserved {
  std::int64_t seats = 0;
  std::int64_t left = 0;
};
BOOST_DESCRIBE_STRUCT(SeatsReserved, (), (seats, left))

struct SoldOut {
  std::int64_t left = 0;
};
BOOST_DESCRIBE_STRUCT(SoldOut, (), (left))

/// Key, command, and the events that end a request.
using Reservations = millrace::stream::Requests<std::string, ReserveSeats, SeatsReserved, SoldOut>;
// [requests]

inline constexpr std::int64_t seats_of_a_show = 100;
inline constexpr const char* commands_topic = "seats.commands";
inline constexpr const char* reservations_topic = "seats.reservations";
inline constexpr const char* left_store = "left";  ///< show -> seats

[[nodiscard]] millrace::Result<millrace::stream::Topology> topology();

}  // namespace seats
