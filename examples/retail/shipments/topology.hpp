// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>

#include "millrace/stream/remembered_context.hpp"
#include "millrace/stream/topology.hpp"
#include "retail/contracts/settings.hpp"
#include "retail/contracts/shipments.hpp"

namespace retail::shipments {

/// A dispatch that waits for another attempt. Store `delayed`, key RequestId; gone once dispatched.
struct Delayed {
  std::int64_t attempt = 1;      ///< attempts so far
  std::int64_t due_wall_ms = 0;  ///< when to try again
  std::int64_t event_time_ms = 0;
  millrace::stream::RememberedContext cause;
};
BOOST_DESCRIBE_STRUCT(Delayed, (), (attempt, due_wall_ms, event_time_ms, cause))

inline constexpr const char* delayed_store = "delayed";  ///< RequestId -> Delayed
inline constexpr std::int64_t wait_ms = 200;             ///< before a late dispatch is tried again
inline constexpr std::int64_t retries_max = 3;

/// What chance holds for an order in scarce; the same everywhere: packing fails for one in 200,
/// dispatch is late once for one in 50.
[[nodiscard]] bool packing_fails(const Settings& settings, const RequestId& id);
[[nodiscard]] bool dispatch_is_late(const Settings& settings, const RequestId& id,
                                    std::int64_t attempt);

/// Packs and dispatches.
/// Declares this service in a builder. Returns what it publishes.
millrace::stream::Stream<RequestId, ShipmentEvent> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::shipments
