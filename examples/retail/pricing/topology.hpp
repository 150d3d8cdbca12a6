// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/prices.hpp"
#include "retail/contracts/settings.hpp"

namespace retail::pricing {

/// A product's list price and demand. Store `prices`, key ProductCode.
struct PriceState {
  std::int64_t period = -1;  ///< number of the period counted, since 1970
  std::int64_t units = 0;    ///< asked for in it
  std::int64_t units_before = 0;
  Money base_milli;   ///< first price seen
  Money price_milli;  ///< list price
};
BOOST_DESCRIBE_STRUCT(PriceState, (), (period, units, units_before, base_milli, price_milli))

inline constexpr const char* prices_store = "prices";  ///< ProductCode -> PriceState
inline constexpr std::int64_t period_ms = 28LL * 24 * 60 * 60 * 1000;

/// Moves list prices with demand: by 2 % at the end of each period of event time, up when more was
/// asked for than in the period before, down when less, between half and twice the first price.
/// Declares this service in a builder. Returns what it publishes.
millrace::stream::Stream<ProductCode, PriceMoved> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::pricing
