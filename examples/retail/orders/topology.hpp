// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <string>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/settings.hpp"

namespace retail::orders {

enum class Phase : std::uint8_t {
  validated,
  confirmed,
  completed,
  rejected,
  accepted,
  returned,
  dead_lettered,
  writing_off,
  written_off
};
BOOST_DESCRIBE_ENUM(Phase, validated, confirmed, completed, rejected, accepted, returned,
                    dead_lettered, writing_off, written_off)

/// Where a request stands. Store `orders`, key RequestId.
struct OrderState {
  Phase phase = Phase::validated;
  bool final = false;       ///< nothing more will happen: compensations included
  bool stock_done = false;  ///< reservations released, or a return's goods taken back
  bool money_done = false;  ///< a charge rolled back, or a return refunded
  std::uint64_t body_hash = 0;
  Country country;
  Money total_milli;
  std::string reason;  ///< of a rejection or a dead letter
};
BOOST_DESCRIBE_STRUCT(OrderState, (),
                      (phase, final, stock_done, money_done, body_hash, country, total_milli,
                       reason))

/// Counts of one partition. Store `progress`, key: the partition's number. Nothing is under way
/// when `open` is 0.
struct Progress {
  std::int64_t open = 0;
  std::int64_t completed = 0;
  std::int64_t rejected = 0;
  std::int64_t returned = 0;
  std::int64_t dead_lettered = 0;
  std::int64_t repeated = 0;  ///< requests under an id that was known
  std::int64_t written_off = 0;
};
BOOST_DESCRIBE_STRUCT(Progress, (),
                      (open, completed, rejected, returned, dead_lettered, repeated, written_off))

inline constexpr const char* orders_store = "orders";      ///< RequestId -> OrderState
inline constexpr const char* progress_store = "progress";  ///< std::string -> Progress

/// The life of orders, returns and write-offs. Decides which request has an id: the first in the
/// topic, whatever its kind.
/// Declares this service in a builder. Returns what it publishes.
millrace::stream::Stream<RequestId, OrderEvent> declare(millrace::stream::TopologyBuilder& builder);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::orders
