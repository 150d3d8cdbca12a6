// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <variant>

#include "retail/contracts/ids.hpp"

namespace retail {

/// Owned by shipments. Key: RequestId.
inline constexpr const char* shipments_topic = "shipments";

/// The parcel is closed.
struct OrderPackaged {
  std::int64_t parcels = 1;
};
BOOST_DESCRIBE_STRUCT(OrderPackaged, (), (parcels))

/// The order cannot be packed.
struct PackagingFailed {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(PackagingFailed, (), (reason))

/// No carrier came; the dispatch is tried again after `wait_ms` of wall-clock time. `attempt`
/// counts from 1.
struct DispatchDelayed {
  std::int64_t attempt = 1;
  std::int64_t wait_ms = 0;
};
BOOST_DESCRIBE_STRUCT(DispatchDelayed, (), (attempt, wait_ms))

/// The parcel left, at this attempt.
struct OrderDispatched {
  std::int64_t attempt = 1;
};
BOOST_DESCRIBE_STRUCT(OrderDispatched, (), (attempt))

using ShipmentEvent =
    std::variant<OrderPackaged, PackagingFailed, DispatchDelayed, OrderDispatched>;

}  // namespace retail
