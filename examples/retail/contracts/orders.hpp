// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <variant>
#include <vector>

#include "retail/contracts/ids.hpp"
#include "retail/contracts/money.hpp"

namespace retail {

/// Owned by orders: the life of orders, returns and write-offs. Key: RequestId.
inline constexpr const char* orders_topic = "orders";
/// Requests that are no sale or cannot be understood, as they came, with the reason. Key:
/// RequestId.
inline constexpr const char* orders_dead_letters_topic = "orders.dead-letters";
/// Dead letters of all services on whose work the outcome of a request depends.
inline constexpr const char* step_dead_letters_topics[] = {
    orders_dead_letters_topic, "stock.dead-letters", "payments.dead-letters",
    "shipments.dead-letters"};

/// A line that was found good.
struct OrderLine {
  ProductCode product;
  std::int64_t quantity = 0;
  Money unit_price_milli;
};
BOOST_DESCRIBE_STRUCT(OrderLine, (), (product, quantity, unit_price_milli))

/// A product of which less was free than wanted (over all lines of the order).
struct Shortage {
  ProductCode product;
  std::int64_t wanted = 0;
  std::int64_t free = 0;
};
BOOST_DESCRIBE_STRUCT(Shortage, (), (product, wanted, free))

/// Why an order ended badly.
enum class RejectionReason : std::uint8_t { out_of_stock, payment_declined, packing_failed };
BOOST_DESCRIBE_ENUM(RejectionReason, out_of_stock, payment_declined, packing_failed)

/// A request was found to be a good order; stock and payments act on it.
struct OrderValidated {
  Country country;
  Money total_milli;
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(OrderValidated, (), (country, total_milli, lines))

/// Stock is reserved and paid for. A milestone, not the end: packing may still fail.
struct OrderConfirmed {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(OrderConfirmed, (), (country, total_milli))

/// The order was dispatched. Final.
struct OrderCompleted {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(OrderCompleted, (), (country, total_milli))

/// The order ended badly. Final when stock has released what was reserved (StockReleased, unless
/// out_of_stock) and payments has given back what was charged (PaymentRefunded, when
/// packing_failed).
struct OrderRejected {
  RejectionReason reason = RejectionReason::out_of_stock;
  Country country;
  Money total_milli;
  std::vector<Shortage> shortages;
};
BOOST_DESCRIBE_STRUCT(OrderRejected, (), (reason, country, total_milli, shortages))

/// A return was found good; stock takes the goods back and payments refunds them.
struct ReturnAccepted {
  Country country;
  Money total_milli;
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(ReturnAccepted, (), (country, total_milli, lines))

/// Goods taken back and money given back. Final.
struct ReturnCompleted {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(ReturnCompleted, (), (country, total_milli))

/// A write-off was found good; stock takes the goods off their shelves.
struct WriteOffAccepted {
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(WriteOffAccepted, (), (lines))

using OrderEvent = std::variant<OrderValidated, OrderConfirmed, OrderCompleted, OrderRejected,
                                ReturnAccepted, ReturnCompleted, WriteOffAccepted>;

}  // namespace retail
