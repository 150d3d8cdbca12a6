// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "millrace/stream/topology.hpp"
#include "retail/stock/shelf_commands.hpp"

namespace retail::stock {

namespace reads {

// Of each event only what the gatherer needs: the rest is not even parsed.
struct Line {
  ProductCode product;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Line, (), (product, quantity))
struct Lines {
  std::vector<Line> lines;
};
BOOST_DESCRIBE_STRUCT(Lines, (), (lines))
struct OrderValidated : Lines {};
BOOST_DESCRIBE_STRUCT(OrderValidated, (Lines), ())
struct ReturnAccepted : Lines {};
BOOST_DESCRIBE_STRUCT(ReturnAccepted, (Lines), ())
struct WriteOffAccepted : Lines {};
BOOST_DESCRIBE_STRUCT(WriteOffAccepted, (Lines), ())
struct OrderCompleted {};
BOOST_DESCRIBE_STRUCT(OrderCompleted, (), ())
struct OrderRejected {};
BOOST_DESCRIBE_STRUCT(OrderRejected, (), ())

using OrderIn =
    std::variant<OrderValidated, OrderCompleted, OrderRejected, ReturnAccepted, WriteOffAccepted>;
using Input = std::variant<const OrderIn*, const ShelfAnswer*>;

}  // namespace reads

/// What the gatherer reads and writes.
struct GathererWiring {
  millrace::stream::StoreRef<RequestId, Gathering> gatherings;
  millrace::stream::Emitter<RequestId, ShelfCommand> commands;
  millrace::stream::Emitter<RequestId, StockEvent> events;
  std::int32_t partitions = 4;
};

/// Adds the processor that splits a request's lines over the partitions of the shelves, one command
/// each, and gathers what they return into one event.
void add_gatherer(const millrace::stream::Stream<RequestId, reads::Input>& events,
                  const GathererWiring& wiring);

}  // namespace retail::stock
