// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/stream/topology.hpp"
#include "retail/stock/shelf_commands.hpp"

namespace retail::stock {

/// What the shelf keeper reads and writes.
struct ShelfKeeperWiring {
  millrace::stream::StoreRef<ProductCode, ShelfLevel> shelves;
  millrace::stream::StoreRef<RequestId, Reservations> reservations;
  millrace::stream::StoreRef<Arrival, std::int64_t> arrivals;
  millrace::stream::Emitter<RequestId, ShelfAnswer> answers;
  millrace::stream::Emitter<ProductCode, ShelfChanged> changes;
  ShelfRules rules;
};

/// Keeps the shelves of one partition: each command is carried out, every change published with the
/// level after it, and answered.
[[nodiscard]] std::unique_ptr<millrace::stream::Processor<RequestId, ShelfCommand>>
make_shelf_keeper(const ShelfKeeperWiring& wiring);

}  // namespace retail::stock
