// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/pricing/topology.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/hash.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/requests.hpp"

namespace retail::pricing {

namespace {

using millrace::stream::Emitter;
using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;

using OrderIn = std::variant<OrderValidated>;

/// What one order asks of the products of one partition: a record each would cost more than all
/// else this service does.
struct Demand {
  std::int32_t partition = 0;
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(Demand, (), (partition, lines))

class PriceMover final : public Processor<RequestId, Demand> {
 public:
  PriceMover(StoreRef<ProductCode, PriceState> prices, Emitter<ProductCode, PriceMoved> moved)
      : prices_(prices), moved_(moved) {}

  void process(const RequestId&, const Demand& demand, ProcessorContext& context) override {
    auto prices = context.store(prices_);
    for (const OrderLine& line : demand.lines) {
      PriceState price = prices.get(line.product).value_or(PriceState{});
      begin_period(line, price, context);
      price.units = exact_sum(price.units, line.quantity);
      prices.put(line.product, price);
    }
  }

 private:
  void begin_period(const OrderLine& line, PriceState& price, ProcessorContext& context) {
    // Gifts and corrections say nothing about the price.
    const Money asked = line.unit_price_milli;
    const bool says_something = asked > Money{} && asked <= total_max;
    if (price.base_milli == Money{} && says_something) {
      price.base_milli = price.price_milli = asked;
    }
    const std::int64_t period = context.record().timestamp_ms / period_ms;
    if (price.period >= 0 && period > price.period) {
      // Nothing at all was asked for in a period that was left out.
      if (period > price.period + 1) price.units_before = std::exchange(price.units, 0);
      move(line.product, price, context);
      price.units_before = std::exchange(price.units, 0);
    }
    price.period = std::max(price.period, period);
  }

  void move(const ProductCode& product, PriceState& price, ProcessorContext& context) {
    if (price.units == price.units_before || price.base_milli == Money{}) return;
    const std::int64_t step = std::max<std::int64_t>(price.price_milli.milli / 50, 1);
    const std::int64_t wanted =
        price.price_milli.milli + (price.units > price.units_before ? step : -step);
    const Money to{
        std::clamp(wanted, (price.base_milli.milli + 1) / 2, 2 * price.base_milli.milli)};
    if (to == price.price_milli) return;
    context.emit(moved_, product,
                 PriceMoved{price.price_milli, to, price.units, price.units_before});
    price.price_milli = to;
  }

  StoreRef<ProductCode, PriceState> prices_;
  Emitter<ProductCode, PriceMoved> moved_;
};

}  // namespace

millrace::stream::Stream<ProductCode, PriceMoved> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings) {
  const std::int32_t partitions = settings.partitions;
  builder.stream<RequestId, OrderIn>(orders_topic)
      .flat_map_values([partitions](const OrderIn& event) {
        std::vector<Demand> parts(static_cast<std::size_t>(partitions));
        for (const OrderLine& line : std::get<OrderValidated>(event).lines) {
          if (!is_goods(line.product)) continue;
          const std::int32_t partition = millrace::partition_of(line.product.text, partitions);
          parts[static_cast<std::size_t>(partition)].partition = partition;
          parts[static_cast<std::size_t>(partition)].lines.push_back(line);
        }
        std::erase_if(parts, [](const Demand& part) { return part.lines.empty(); });
        return parts;
      })
      .to_private("demand", [](const RequestId&, const Demand& demand, std::int32_t) {
        return demand.partition;
      });

  const auto prices = builder.store<ProductCode, PriceState>(prices_store);
  const auto moved = builder.emitter<ProductCode, PriceMoved>("moved");
  builder.private_stream<RequestId, Demand>("demand").process<PriceMover>("price-mover", prices,
                                                                          moved);
  const auto events = builder.stream(moved);
  events.to(prices_topic);
  return events;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  millrace::stream::TopologyBuilder builder("pricing", settings.partitions);
  declare(builder, settings);
  return builder.build();
}

}  // namespace retail::pricing
