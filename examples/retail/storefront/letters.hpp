// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <string>
#include <vector>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/ids.hpp"

namespace retail::storefront {

/// What a dead letter of orders, stock, payments or shipments says.
struct Letter {
  std::string place;   ///< where it stands, `stock.dead-letters-2:17`
  std::string topic;   ///< of the record that could not be processed
  std::string type;    ///< of that event; empty when it is private
  std::string event;   ///< id of that event
  std::string reason;  ///< for people
};
BOOST_DESCRIBE_STRUCT(Letter, (), (place, topic, type, event, reason))

/// The services on whose work the outcome of a request depends.
[[nodiscard]] std::vector<std::string> steps();

/// The letters of these services, by the request's id.
/// A letter stands in the partition of the task that wrote it, so they are repartitioned.
[[nodiscard]] millrace::stream::Stream<RequestId, Letter> read_letters(
    millrace::stream::TopologyBuilder& builder);

}  // namespace retail::storefront
