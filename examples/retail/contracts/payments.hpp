// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <variant>

#include "retail/contracts/ids.hpp"
#include "retail/contracts/money.hpp"

namespace retail {

/// Owned by payments. Key: RequestId.
inline constexpr const char* payments_topic = "payments";

/// The order's total was charged; also for a total of 0.
struct PaymentReceived {
  Country country;
  Money amount_milli;
};
BOOST_DESCRIBE_STRUCT(PaymentReceived, (), (country, amount_milli))

/// Nothing was charged: the total is above the limit.
struct PaymentDeclined {
  Country country;
  Money amount_milli;
  Money limit_milli;
};
BOOST_DESCRIBE_STRUCT(PaymentDeclined, (), (country, amount_milli, limit_milli))

enum class RefundKind : std::uint8_t {
  rollback,    ///< of a charged order that was rejected
  credit_note  ///< of a return
};
BOOST_DESCRIBE_ENUM(RefundKind, rollback, credit_note)

/// Money was given back.
struct PaymentRefunded {
  RefundKind kind = RefundKind::rollback;
  Country country;
  Money amount_milli;
};
BOOST_DESCRIBE_STRUCT(PaymentRefunded, (), (kind, country, amount_milli))

using PaymentEvent = std::variant<PaymentReceived, PaymentDeclined, PaymentRefunded>;

}  // namespace retail
