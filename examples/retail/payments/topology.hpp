// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <string_view>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/contracts/settings.hpp"

namespace retail::payments {

enum class Phase : std::uint8_t { waiting, charged, declined, rolled_back, credited };
BOOST_DESCRIBE_ENUM(Phase, waiting, charged, declined, rolled_back, credited)

/// What was charged or given back. Store `payments`, key RequestId. While waiting either the total
/// or the reservation is known.
struct Payment {
  Phase phase = Phase::waiting;
  bool total_known = false;
  bool reserved = false;
  Country country;
  Money amount_milli;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (phase, total_known, reserved, country, amount_milli))

inline constexpr const char* payments_store = "payments";  ///< RequestId -> Payment
/// In scarce, totals above this are declined.
inline constexpr Money limit_milli{2'000'000};

/// Declares in a builder of this service what charges, declines and refunds, in a processor and a
/// store of those names. Returns what it publishes.
millrace::stream::Stream<RequestId, PaymentEvent> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings,
    std::string_view cashier = "cashier", std::string_view store = payments_store);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::payments
