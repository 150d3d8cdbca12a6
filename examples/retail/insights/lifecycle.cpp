// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/insights/lifecycle.hpp"

#include <optional>
#include <utility>

#include "millrace/base/hash.hpp"

namespace retail::insights {

namespace {

using millrace::stream::ProcessorContext;
using millrace::stream::PunctuationType;

constexpr std::int64_t look_for_stuck_every_ms = 10'000;

class Lifecycle {
 public:
  explicit Lifecycle(const LifecycleWiring& wiring) : wiring_(wiring) {}

  void open(ProcessorContext& context) {
    context.schedule("publish", PunctuationType::wall_clock, publish_interval_ms,
                     [this, &context](std::int64_t) { publish(context); });
    context.schedule("stuck", PunctuationType::wall_clock, look_for_stuck_every_ms,
                     [this, &context](std::int64_t now_ms) { look_for_stuck(now_ms, context); });
  }

  void process(const RequestId&, const reads::OrderRequested&, ProcessorContext& context) {
    count(&FunnelChanged::orders_requested, context);
  }
  void process(const RequestId&, const reads::ReturnRequested&, ProcessorContext& context) {
    count(&FunnelChanged::returns_requested, context);
  }
  void process(const RequestId&, const reads::WriteOffRequested&, ProcessorContext& context) {
    count(&FunnelChanged::write_offs_requested, context);
  }
  void process(const RequestId&, const reads::ReturnCompleted&, ProcessorContext& context) {
    count(&FunnelChanged::returns_completed, context);
  }
  void process(const RequestId&, const reads::StockWrittenOff&, ProcessorContext& context) {
    count(&FunnelChanged::written_off, context);
  }
  // Refunds are counted in money, by another part of the topology.
  void process(const RequestId&, const PaymentRefunded&, ProcessorContext&) {}

  void process(const RequestId& id, const reads::OrderValidated& order, ProcessorContext& context) {
    count(&FunnelChanged::validated, context);
    context.store(wiring_.open_orders).put(id, {Stage::validated, context.wall_ms()});
    Sales sales;
    sales.lines.reserve(order.lines.size());
    for (const OrderLine& line : order.lines) {
      sales.lines.push_back({line.product, line.quantity,
                             add_line({}, line.quantity, line.unit_price_milli).value_or(Money{})});
    }
    context.store(wiring_.open_sales).put(id, sales);
  }
  void process(const RequestId& id, const reads::StockReserved&, ProcessorContext& context) {
    reach(id, Stage::reserved, &FunnelChanged::reserved, context);
  }
  void process(const RequestId& id, const reads::PaymentReceived&, ProcessorContext& context) {
    reach(id, Stage::paid, &FunnelChanged::paid, context);
  }
  void process(const RequestId& id, const reads::OrderConfirmed&, ProcessorContext& context) {
    reach(id, Stage::confirmed, &FunnelChanged::confirmed, context);
  }
  void process(const RequestId& id, const reads::OrderPackaged&, ProcessorContext& context) {
    reach(id, Stage::packaged, &FunnelChanged::packaged, context);
  }
  void process(const RequestId& id, const reads::DispatchDelayed&, ProcessorContext& context) {
    reach(id, Stage::delayed, nullptr, context);
  }
  void process(const RequestId& id, const reads::OrderDispatched&, ProcessorContext& context) {
    reach(id, Stage::dispatched, &FunnelChanged::dispatched, context);
  }
  void process(const RequestId& id, const OrderCompleted&, ProcessorContext& context) {
    count(&FunnelChanged::completed, context);
    if (const std::optional<Sales> sold = context.store(wiring_.open_sales).get(id))
      hand_on(id, *sold, context);
    close(id, context);
  }
  void process(const RequestId& id, const reads::OrderRejected&, ProcessorContext& context) {
    count(&FunnelChanged::rejected, context);
    close(id, context);
  }

 private:
  using Count = std::int64_t FunnelChanged::*;

  // Topics are read side by side, so an order may be closed before all its stages are seen, and
  // stages may be seen late.
  void reach(const RequestId& id, Stage stage, Count counted, ProcessorContext& context) {
    if (counted != nullptr) count(counted, context);
    auto store = context.store(wiring_.open_orders);
    std::optional<OpenOrder> order = store.get(id);
    if (!order || order->stage >= stage) return;
    store.put(id, {stage, context.wall_ms()});
    context.store(wiring_.stuck_orders).erase(id);
  }

  void close(const RequestId& id, ProcessorContext& context) {
    context.store(wiring_.open_orders).erase(id);
    context.store(wiring_.open_sales).erase(id);
    context.store(wiring_.stuck_orders).erase(id);
  }

  void hand_on(const RequestId& id, const Sales& sold, ProcessorContext& context) {
    std::vector<Sales> parts(static_cast<std::size_t>(wiring_.partitions));
    for (const Sale& sale : sold.lines) {
      parts[static_cast<std::size_t>(millrace::partition_of(sale.product.text, wiring_.partitions))]
          .lines.push_back(sale);
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i].partition = static_cast<std::int32_t>(i);
      if (!parts[i].lines.empty()) context.emit(wiring_.sales, id, parts[i]);
    }
  }

  void count(Count counted, ProcessorContext& context) {
    auto store = context.store(wiring_.funnel);
    const std::string key = std::to_string(context.record().partition.value);
    FunnelCounts funnel = store.get(key).value_or(FunnelCounts{});
    ++(funnel.counts.*counted);
    funnel.published = false;
    store.put(key, funnel);
  }

  void publish(ProcessorContext& context) {
    auto store = context.store(wiring_.funnel);
    std::vector<std::pair<std::string, FunnelCounts>> changed;
    store.all([&](const std::string& key, const FunnelCounts& funnel) {
      if (!funnel.published) changed.emplace_back(key, funnel);
      return true;
    });
    for (auto& [key, funnel] : changed) {
      context.emit(wiring_.funnel_changes, key, funnel.counts);
      funnel.published = true;
      store.put(key, funnel);
    }
  }

  void look_for_stuck(std::int64_t now_ms, ProcessorContext& context) {
    std::vector<std::pair<RequestId, OpenOrder>> stuck;
    context.store(wiring_.open_orders).all([&](const RequestId& id, const OpenOrder& order) {
      if (now_ms - order.since_wall_ms >= stuck_after_ms) stuck.emplace_back(id, order);
      return true;
    });
    auto store = context.store(wiring_.stuck_orders);
    for (const auto& [id, order] : stuck)
      store.put(id, order);
  }

  LifecycleWiring wiring_;
};

}  // namespace

void add_lifecycle(const millrace::stream::Stream<RequestId, reads::Input>& events,
                   const LifecycleWiring& wiring) {
  events.process<Lifecycle>("lifecycle", wiring);
}

}  // namespace retail::insights
