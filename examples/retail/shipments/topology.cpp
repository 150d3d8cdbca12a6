// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/shipments/topology.hpp"

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/hash.hpp"
#include "retail/contracts/orders.hpp"

namespace retail::shipments {

namespace reads {

struct OrderConfirmed {};
BOOST_DESCRIBE_STRUCT(OrderConfirmed, (), ())
using OrderIn = std::variant<OrderConfirmed>;

}  // namespace reads

namespace {

using millrace::stream::Emitter;
using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::PunctuationType;
using millrace::stream::StoreRef;

constexpr std::int64_t look_every_ms = 100;

struct Wiring {
  StoreRef<RequestId, Delayed> delayed;
  Emitter<RequestId, ShipmentEvent> events;
};

class Packer final : public Processor<RequestId, reads::OrderIn> {
 public:
  Packer(Wiring wiring, Settings settings) : wiring_(wiring), settings_(settings) {}

  void open(ProcessorContext& context) override {
    context.schedule("retry", PunctuationType::wall_clock, look_every_ms,
                     [this, &context](std::int64_t now_ms) { retry(now_ms, context); });
  }

  void process(const RequestId& id, const reads::OrderIn&, ProcessorContext& context) override {
    if (packing_fails(settings_, id)) {
      context.emit(wiring_.events, id, PackagingFailed{"the goods do not fit into one parcel"});
      return;
    }
    context.emit(wiring_.events, id, OrderPackaged{1});
    if (dispatch_is_late(settings_, id, 1)) {
      context.emit(wiring_.events, id, DispatchDelayed{1, wait_ms});
      context.store(wiring_.delayed)
          .put(id,
               {1, context.wall_ms() + wait_ms, context.record().timestamp_ms, context.remember()});
    } else {
      context.emit(wiring_.events, id, OrderDispatched{1});
    }
  }

 private:
  void retry(std::int64_t now_ms, ProcessorContext& context) {
    auto store = context.store(wiring_.delayed);
    std::vector<std::pair<RequestId, Delayed>> due;
    store.all([&](const RequestId& id, const Delayed& delayed) {
      // A wall clock that was set back must not hold a parcel for longer than the wait.
      if (delayed.due_wall_ms <= now_ms || delayed.due_wall_ms > now_ms + wait_ms)
        due.emplace_back(id, delayed);
      return true;
    });
    for (auto& [id, delayed] : due) {
      context.with_context(delayed.cause, [&, &order = id, &late = delayed] {
        dispatch(order, late, now_ms, context);
      });
    }
  }

  void dispatch(const RequestId& id, Delayed delayed, std::int64_t now_ms,
                ProcessorContext& context) {
    const std::int64_t attempt = delayed.attempt + 1;
    if (attempt <= retries_max && dispatch_is_late(settings_, id, attempt)) {
      delayed.attempt = attempt;
      delayed.due_wall_ms = now_ms + wait_ms;
      context.emit_at(delayed.event_time_ms, wiring_.events, id, DispatchDelayed{attempt, wait_ms});
      context.store(wiring_.delayed).put(id, delayed);
    } else {
      context.emit_at(delayed.event_time_ms, wiring_.events, id, OrderDispatched{attempt});
      context.store(wiring_.delayed).erase(id);
    }
  }

  Wiring wiring_;
  Settings settings_;
};

}  // namespace

bool packing_fails(const Settings& settings, const RequestId& id) {
  return settings.stock == StockMode::scarce && millrace::xxh64(id.text) % 200 == 0;
}

bool dispatch_is_late(const Settings& settings, const RequestId& id, std::int64_t attempt) {
  return settings.stock == StockMode::scarce && attempt == 1 && millrace::xxh64(id.text) % 50 == 1;
}

millrace::stream::Stream<RequestId, ShipmentEvent> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings) {
  const Wiring wiring{builder.store<RequestId, Delayed>(delayed_store),
                      builder.emitter<RequestId, ShipmentEvent>("shipment-events")};
  builder.stream<RequestId, reads::OrderIn>(orders_topic)
      .process<Packer>("packer", wiring, settings);
  const auto events = builder.stream(wiring.events);
  events.to(shipments_topic);
  return events;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  millrace::stream::TopologyBuilder builder("shipments", settings.partitions);
  declare(builder, settings);
  return builder.build();
}

}  // namespace retail::shipments
