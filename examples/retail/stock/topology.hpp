// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <vector>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/settings.hpp"
#include "retail/contracts/shelves.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::stock {

/// The responses that the gathering of one request waits for.
enum class Phase : std::uint8_t {
  reserving,
  giving_back,
  reserved,
  releasing,
  taking_back,
  writing_off,
  done
};
BOOST_DESCRIBE_ENUM(Phase, reserving, giving_back, reserved, releasing, taking_back, writing_off,
                    done)

/// A request whose lines are spread over the shelves' partitions. Store `gatherings`, key
/// RequestId; orders and returns leave it when they are final.
struct Gathering {
  Phase phase = Phase::reserving;
  std::int32_t awaited = 0;   ///< responses that have not come yet
  std::uint64_t holding = 0;  ///< bit by bit the partitions that hold reservations
  std::int64_t lines = 0;     ///< that have a shelf
  std::int64_t taken = 0;     ///< by a write-off
  std::int64_t asked = 0;     ///< by a write-off
  std::vector<Shortage> shortages;
};
BOOST_DESCRIBE_STRUCT(Gathering, (), (phase, awaited, holding, lines, taken, asked, shortages))

/// One reservation: line `line` of an order holds `quantity` of a product.
struct Reservation {
  std::int64_t line = 0;
  ProductCode product;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Reservation, (), (line, product, quantity))

/// The reservations of an order on the shelves of one partition. Store `reservations`, key
/// RequestId.
struct Reservations {
  std::vector<Reservation> lines;
};
BOOST_DESCRIBE_STRUCT(Reservations, (), (lines))

inline constexpr const char* gatherings_store = "gatherings";      ///< RequestId -> Gathering
inline constexpr const char* shelves_store = "shelves";            ///< ProductCode -> ShelfLevel
inline constexpr const char* reservations_store = "reservations";  ///< RequestId -> Reservations
inline constexpr const char* arrivals_store =
    "arrivals";  ///< Arrival -> std::int64_t pieces, in scarce

/// Goods on their way, in the order in which they arrive (stream time).
struct Arrival {
  std::int64_t due_ms = 0;
  ProductCode product;
  friend auto operator<=>(const Arrival&, const Arrival&) = default;
};
BOOST_DESCRIBE_STRUCT(Arrival, (), (due_ms, product))

/// How shelves are kept.
struct ShelfRules {
  std::int64_t opens_with = 200;
  std::int64_t reorder_below = 50;  ///< free pieces; 0: nothing is ever ordered
  std::int64_t reorder_pieces = 500;
  std::int64_t delivery_ms = 2LL * 24 * 60 * 60 * 1000;  ///< of stream time
};
[[nodiscard]] ShelfRules rules_of(StockMode mode);

/// Shelves: reserves, releases, ships, takes back, writes off, orders more. At most 64 partitions.
/// Declares this service in a builder. Returns the changes of shelves.
millrace::stream::Stream<ProductCode, ShelfChanged> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::stock
