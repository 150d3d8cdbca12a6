// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/insights/topology.hpp"

namespace retail::insights {

namespace reads {

// Of each event only what counts here: the rest is not even parsed.
struct OrderRequested {};
BOOST_DESCRIBE_STRUCT(OrderRequested, (), ())
struct ReturnRequested {};
BOOST_DESCRIBE_STRUCT(ReturnRequested, (), ())
struct WriteOffRequested {};
BOOST_DESCRIBE_STRUCT(WriteOffRequested, (), ())
struct OrderValidated {
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(OrderValidated, (), (lines))
struct OrderConfirmed {};
BOOST_DESCRIBE_STRUCT(OrderConfirmed, (), ())
struct OrderRejected {};
BOOST_DESCRIBE_STRUCT(OrderRejected, (), ())
struct ReturnCompleted {};
BOOST_DESCRIBE_STRUCT(ReturnCompleted, (), ())
struct StockReserved {};
BOOST_DESCRIBE_STRUCT(StockReserved, (), ())
struct StockWrittenOff {};
BOOST_DESCRIBE_STRUCT(StockWrittenOff, (), ())
struct PaymentReceived {};
BOOST_DESCRIBE_STRUCT(PaymentReceived, (), ())
struct OrderPackaged {};
BOOST_DESCRIBE_STRUCT(OrderPackaged, (), ())
struct DispatchDelayed {};
BOOST_DESCRIBE_STRUCT(DispatchDelayed, (), ())
struct OrderDispatched {};
BOOST_DESCRIBE_STRUCT(OrderDispatched, (), ())

using RequestIn = std::variant<OrderRequested, ReturnRequested, WriteOffRequested>;
using OrderIn =
    std::variant<OrderValidated, OrderConfirmed, OrderCompleted, OrderRejected, ReturnCompleted>;
using StockIn = std::variant<StockReserved, StockWrittenOff>;
using PaymentIn = std::variant<PaymentReceived, PaymentRefunded>;
using ShipmentIn = std::variant<OrderPackaged, DispatchDelayed, OrderDispatched>;
using Input = std::variant<const RequestIn*, const OrderIn*, const StockIn*, const PaymentIn*,
                           const ShipmentIn*>;

}  // namespace reads

/// What the lifecycle watcher reads and writes.
struct LifecycleWiring {
  millrace::stream::StoreRef<RequestId, OpenOrder> open_orders;
  millrace::stream::StoreRef<RequestId, Sales> open_sales;
  millrace::stream::StoreRef<RequestId, OpenOrder> stuck_orders;
  millrace::stream::StoreRef<std::string, FunnelCounts> funnel;
  millrace::stream::Emitter<RequestId, Sales> sales;
  millrace::stream::Emitter<std::string, FunnelChanged> funnel_changes;
  std::int32_t partitions = 4;
};

/// Adds the processor that follows every order: it counts how far requests come, keeps what is
/// under way, and hands on the sales of completed orders.
void add_lifecycle(const millrace::stream::Stream<RequestId, reads::Input>& events,
                   const LifecycleWiring& wiring);

}  // namespace retail::insights
