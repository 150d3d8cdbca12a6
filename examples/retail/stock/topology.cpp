// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/stock/topology.hpp"

#include "retail/stock/gatherer.hpp"
#include "retail/stock/shelf_keeper.hpp"

namespace retail::stock {

ShelfRules rules_of(StockMode mode) {
  ShelfRules rules;
  if (mode == StockMode::ample) {
    rules.opens_with = 1'000'000;
    rules.reorder_below = 0;
  }
  return rules;
}

millrace::stream::Stream<ProductCode, ShelfChanged> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings) {
  const auto orders = builder.stream<RequestId, reads::OrderIn>(orders_topic);
  const auto answers = builder.private_stream<RequestId, ShelfAnswer>(shelf_answers_topic);
  const auto commands = builder.private_stream<RequestId, ShelfCommand>(shelf_commands_topic);

  const GathererWiring gathering{builder.store<RequestId, Gathering>(gatherings_store),
                                 builder.emitter<RequestId, ShelfCommand>("commands"),
                                 builder.emitter<RequestId, StockEvent>("stock-events"),
                                 settings.partitions};
  add_gatherer(builder.merge(orders, answers), gathering);
  builder.stream(gathering.commands)
      .to_private(shelf_commands_topic, [](const RequestId&, const ShelfCommand& command,
                                           std::int32_t) { return command.partition; });
  builder.stream(gathering.events).to(stock_topic);

  const ShelfKeeperWiring keeping{builder.store<ProductCode, ShelfLevel>(shelves_store),
                                  builder.store<RequestId, Reservations>(reservations_store),
                                  builder.store<Arrival, std::int64_t>(arrivals_store),
                                  builder.emitter<RequestId, ShelfAnswer>("answers"),
                                  builder.emitter<ProductCode, ShelfChanged>("shelf-changes"),
                                  rules_of(settings.stock)};
  commands.process("shelf-keeper", make_shelf_keeper, keeping);
  builder.stream(keeping.answers).to_private(shelf_answers_topic);
  const auto changes = builder.stream(keeping.changes);
  changes.to(shelves_topic);
  return changes;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  if (settings.partitions > 64) {
    return millrace::fail(
        millrace::errc::invalid_argument,
        "stock gathers over at most 64 partitions, not " + std::to_string(settings.partitions));
  }
  millrace::stream::TopologyBuilder builder("stock", settings.partitions);
  declare(builder, settings);
  return builder.build();
}

}  // namespace retail::stock
