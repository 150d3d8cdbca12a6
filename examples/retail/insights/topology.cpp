// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/insights/topology.hpp"

#include <chrono>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/time_text.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"
#include "retail/insights/lifecycle.hpp"

namespace retail::insights {

namespace {

using millrace::stream::Emitter;
using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::PunctuationType;
using millrace::stream::StoreRef;
using millrace::stream::Stream;
using millrace::stream::TopologyBuilder;
using millrace::stream::Windowed;

/// Adds up the sales of one partition of products, and publishes from time to time what changed: an
/// event for each line sold would be most of the system's traffic.
class SalesCounter final : public Processor<RequestId, Sales> {
 public:
  SalesCounter(StoreRef<ProductCode, ProductTotals> products,
               Emitter<ProductCode, ProductSalesChanged> changes)
      : products_(products), changes_(changes) {}

  void open(ProcessorContext& context) override {
    // All products of a partition may have changed, which is more than one commit holds.
    context.sweep("publish", PunctuationType::wall_clock, publish_interval_ms, products_,
                  [this, &context](const ProductCode& product, const ProductTotals& totals,
                                   std::int64_t) { publish(product, totals, context); });
  }

  void process(const RequestId&, const Sales& sold, ProcessorContext& context) override {
    auto products = context.store(products_);
    for (const Sale& sale : sold.lines) {
      ProductTotals totals = products.get(sale.product).value_or(ProductTotals{});
      totals.sales.units = exact_sum(totals.sales.units, sale.units);
      totals.sales.revenue_milli += sale.revenue_milli;
      ++totals.sales.lines;
      products.put(sale.product, totals);
    }
  }

 private:
  void publish(const ProductCode& product, const ProductTotals& totals, ProcessorContext& context) {
    if (totals.published_lines == totals.sales.lines) return;
    context.emit(changes_, product, totals.sales);
    ProductTotals published = totals;
    published.published_lines = totals.sales.lines;
    context.store(products_).put(product, published);
  }

  StoreRef<ProductCode, ProductTotals> products_;
  Emitter<ProductCode, ProductSalesChanged> changes_;
};

Revenue add(const Country&, const Revenue& change, Revenue so_far) {
  so_far.revenue_milli += change.revenue_milli;
  so_far.refunds_milli += change.refunds_milli;
  so_far.orders += change.orders;
  return so_far;
}

std::string day_of(std::int64_t ms) { return millrace::format_time(ms).substr(0, 10); }

/// Revenue by country, and by country and day of event time.
void count_money(TopologyBuilder&, const Stream<RequestId, reads::OrderIn>& orders,
                 const Stream<RequestId, reads::PaymentIn>& payments) {
  using namespace std::chrono_literals;
  const auto sales = orders.filter(millrace::stream::is<OrderCompleted>)
                         .map([](const RequestId&, const reads::OrderIn& event) {
                           const auto& order = std::get<OrderCompleted>(event);
                           return std::pair(order.country, Revenue{order.total_milli, {}, 1});
                         });
  const auto refunds = payments
                           .filter([](const reads::PaymentIn& event) {
                             const auto* refund = std::get_if<PaymentRefunded>(&event);
                             return refund != nullptr && refund->kind == RefundKind::credit_note;
                           })
                           .map([](const RequestId&, const reads::PaymentIn& event) {
                             const auto& refund = std::get<PaymentRefunded>(event);
                             return std::pair(refund.country, Revenue{{}, refund.amount_milli, 0});
                           });
  const auto by_country = sales.merge(refunds).repartition("revenue-by-country").group_by_key();
  by_country.aggregate(Revenue{}, add, revenue_store)
      .to_stream()
      .map_values([](const Revenue& total) { return RevenueEvent(total); })
      .to(revenue_topic);
  by_country.windowed_by(millrace::stream::tumbling(24h).never_closes().retention(10 * 365 * 24h))
      .aggregate(Revenue{}, add, daily_revenue_store)
      .to_stream()
      .map([](const Windowed<Country>& window, const Revenue& total) {
        return std::pair(window.key, RevenueEvent(DailyRevenueChanged{
                                         day_of(window.start_ms), total.revenue_milli,
                                         total.refunds_milli, total.orders}));
      })
      .to(revenue_topic);
}

void count_products(TopologyBuilder& builder, const Emitter<RequestId, Sales>& sales) {
  builder.stream(sales).to_private(
      "sales", [](const RequestId&, const Sales& part, std::int32_t) { return part.partition; });
  const auto products = builder.store<ProductCode, ProductTotals>(products_store);
  const auto changes = builder.emitter<ProductCode, ProductSalesChanged>("product-changes");
  builder.private_stream<RequestId, Sales>("sales").process<SalesCounter>("sales-counter", products,
                                                                          changes);
  builder.stream(changes).to(products_topic);
}

}  // namespace

Stream<std::string, FunnelChanged> declare(TopologyBuilder& builder, const Settings& settings) {
  const auto requests = builder.stream<RequestId, reads::RequestIn>(requests_topic);
  const auto orders = builder.stream<RequestId, reads::OrderIn>(orders_topic);
  const auto stock = builder.stream<RequestId, reads::StockIn>(stock_topic);
  const auto payments = builder.stream<RequestId, reads::PaymentIn>(payments_topic);
  const auto shipments = builder.stream<RequestId, reads::ShipmentIn>(shipments_topic);

  const LifecycleWiring wiring{builder.store<RequestId, OpenOrder>(open_orders_store),
                               builder.store<RequestId, Sales>(open_sales_store),
                               builder.store<RequestId, OpenOrder>(stuck_orders_store),
                               builder.store<std::string, FunnelCounts>(funnel_store),
                               builder.emitter<RequestId, Sales>("completed-sales"),
                               builder.emitter<std::string, FunnelChanged>("funnel-changes"),
                               settings.partitions};
  add_lifecycle(builder.merge(requests, orders, stock, payments, shipments), wiring);
  const auto changes = builder.stream(wiring.funnel_changes);
  changes.to(funnel_topic);
  count_products(builder, wiring.sales);
  count_money(builder, orders, payments);
  return changes;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  TopologyBuilder builder("insights", settings.partitions);
  declare(builder, settings);
  return builder.build();
}

}  // namespace retail::insights
