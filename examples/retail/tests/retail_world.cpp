// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/tests/retail_world.hpp"

#include <stdexcept>

#include <millrace_test_paths.hpp>

#include "millrace/base/hash.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/insights/topology.hpp"
#include "retail/orders/topology.hpp"
#include "retail/payments/topology.hpp"
#include "retail/pricing/topology.hpp"
#include "retail/shipments/topology.hpp"
#include "retail/stock/topology.hpp"
#include "retail/storefront/topology.hpp"
#include "retail/tests/builders.hpp"

namespace retail::test {

namespace {

template <class Event>
Event event_of(const Invoice& invoice) {
  Event event;
  event.body_hash = millrace::xxh64(request_body(invoice));
  event.customer_id = invoice.customer;
  event.country.name = invoice.country;
  for (const InvoiceLine& line : invoice.lines)
    event.lines.push_back(
        {{line.product}, line.description, line.quantity, {line.unit_price_milli}});
  return event;
}

RequestEvent request_of(const Invoice& invoice) {
  switch (invoice.kind) {
    case InvoiceKind::goods_return:
      return event_of<ReturnRequested>(invoice);
    case InvoiceKind::write_off:
      return event_of<WriteOffRequested>(invoice);
    case InvoiceKind::order:
    case InvoiceKind::adjustment:
      break;
  }
  return event_of<OrderRequested>(invoice);
}

}  // namespace

std::vector<Invoice> some_invoices(std::size_t count) {
  static const std::vector<Invoice> all = [] {
    auto read = read_invoices(
        millrace::real_file_system(),
        std::string(millrace::test::source_dir) + "/examples/retail/data/online-retail.csv.zst");
    if (!read) throw std::runtime_error(read.error().to_string());
    return *std::move(read);
  }();
  std::vector<Invoice> some(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = count; i < all.size(); ++i) {
    if (all[i].kind == InvoiceKind::adjustment) some.push_back(all[i]);
  }
  return some;
}

RetailWorld::RetailWorld(std::uint64_t seed, const Settings& settings,
                         millrace::testkit::WorldOptions options, int instances_of_stock,
                         int instances_of_storefront)
    : world_(seed, std::move(options)) {
  world_.add_service(
      "storefront", [settings] { return sound(storefront::topology(settings)); },
      instances_of_storefront);
  world_.add_service("orders", [settings] { return sound(orders::topology(settings)); });
  world_.add_service(
      "stock", [settings] { return sound(stock::topology(settings)); }, instances_of_stock);
  world_.add_service("payments", [settings] { return sound(payments::topology(settings)); });
  world_.add_service("shipments", [settings] { return sound(shipments::topology(settings)); });
  world_.add_service("pricing", [settings] { return sound(pricing::topology(settings)); });
  world_.add_service("insights", [settings] { return sound(insights::topology(settings)); });
}

void RetailWorld::send(const Invoice& invoice) {
  ask({invoice.id}, request_of(invoice), invoice.ordered_at_ms);
}

void RetailWorld::ask(const RequestId& id, const RequestEvent& event, std::int64_t at_ms) {
  world_.write(asked_topic, id.text, asked(id, event), at_ms, id.text);
}

void RetailWorld::run(const std::vector<Invoice>& invoices) {
  for (const Invoice& invoice : invoices) {
    send(invoice);
    world_.step_randomly(static_cast<int>(world_.random().below(12)));
    // Somebody did not hear the answer and asks again.
    if (world_.random().below(20) == 0) send(invoice);
  }
  world_.run_to_rest();
}

AuditReport RetailWorld::audit() {
  const auto log = world_.broker().connect({});
  auto report = retail::audit(*log);
  if (!report) throw std::runtime_error(report.error().to_string());
  return *std::move(report);
}

FileTotals totals_of(const std::vector<Invoice>& invoices) {
  FileTotals totals;
  for (const Invoice& invoice : invoices) {
    std::int64_t value = 0;
    for (const InvoiceLine& line : invoice.lines)
      value += line.quantity * line.unit_price_milli;
    switch (invoice.kind) {
      case InvoiceKind::order:
        ++totals.orders;
        totals.lines += static_cast<std::int64_t>(invoice.lines.size());
        if (value != 0) totals.revenue_milli[invoice.country] += value;
        break;
      case InvoiceKind::goods_return:
        ++totals.returns;
        if (value != 0) totals.refunds_milli[invoice.country] += value;
        break;
      case InvoiceKind::write_off:
        ++totals.write_offs;
        break;
      case InvoiceKind::adjustment:
        ++totals.adjustments;
        break;
    }
  }
  return totals;
}

}  // namespace retail::test
