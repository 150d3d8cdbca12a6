// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Each service by itself, with what the others send it in an undisturbed run.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "millrace/testkit/torture.hpp"
#include "retail/insights/topology.hpp"
#include "retail/orders/topology.hpp"
#include "retail/payments/topology.hpp"
#include "retail/pricing/topology.hpp"
#include "retail/shipments/topology.hpp"
#include "retail/stock/topology.hpp"
#include "retail/storefront/topology.hpp"
#include "retail/tests/builders.hpp"
#include "retail/tests/retail_world.hpp"

namespace retail {
namespace {

using namespace test;
using millrace::testkit::Compare;
using millrace::testkit::RawRecord;
using millrace::testkit::torture;
using millrace::testkit::TortureInputs;
using millrace::testkit::TortureOptions;
using millrace::testkit::TortureReport;

// The topics that the service reads and does not write itself, with their records of an
// undisturbed run in the order of time, but for those of the types to leave out.
TortureInputs sent_to(const millrace::stream::Topology& topology,
                      const std::set<std::string>& left_out) {
  RetailWorld retail(1, scarce);
  retail.run(some_invoices(60));
  TortureInputs inputs;
  std::vector<std::pair<std::string, RawRecord>> records;
  const auto log = retail.world().broker().connect({});
  std::set<std::string> seen;
  for (const millrace::stream::SourceSpec& source : topology.sources()) {
    const auto topic = log->find_topic(source.topic);
    if (!topic || !seen.insert(source.topic).second) continue;
    const auto& spec = topic->spec;
    const bool is_asked = spec.kind == millrace::log::TopicKind::commands;
    if (spec.owner == topology.service() && !is_asked) continue;
    inputs.topic(spec.name, spec.owner, spec.partitions, spec.kind);
    for (RawRecord& record : retail.world().reader().all(source.topic)) {
      if (!left_out.contains(record.header("ce_type")))
        records.emplace_back(source.topic, std::move(record));
    }
  }
  std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return a.second.timestamp_ms < b.second.timestamp_ms;
  });
  for (const auto& [topic, record] : records)
    inputs.write_raw(topic, record);
  return inputs;
}

void pass(const std::function<millrace::stream::Topology()>& topology, TortureOptions options,
          const std::set<std::string>& left_out = {}) {
  const TortureInputs inputs = sent_to(topology(), left_out);
  options.all_at_once = true;
  for (options.seed = 1; options.seed <= 2; ++options.seed) {
    const TortureReport report = torture(topology, inputs, options);
    EXPECT_GT(report.deaths, 0U);
    EXPECT_GT(report.letters, 0U);
    EXPECT_EQ(report.edits, 2U);
  }
}

// The next version of a service: one more store, in the part whose stream `declare` returns.
template <class Declare>
std::function<millrace::stream::Topology()> with_a_store_more(std::string service,
                                                              Declare declare) {
  return [service = std::move(service), declare] {
    millrace::stream::TopologyBuilder builder(service, scarce.partitions);
    declare(builder).group_by_key().count("counted");
    return sound(builder.build());
  };
}

// The store of requests has the times of the clock at which they were asked and ended. The topic
// has the same name; what it lost would be missing in the store `status`.
TEST(RetailTorture, storefront) {
  pass([] { return sound(storefront::topology(scarce)); },
       {.compare = {{requests_topic, Compare::nothing}},
        .edited = with_a_store_more("storefront",
                                    [](auto& builder) { return storefront::declare(builder); })});
}

TEST(RetailTorture, orders) {
  pass([] { return sound(orders::topology(scarce)); },
       {.edited =
            with_a_store_more("orders", [](auto& builder) { return orders::declare(builder); })});
}

// Who gets the last of a shelf depends on who comes first. An order is completed or rejected only
// after the service has answered, so those would come too early here. The first order of a shelf
// opens it, which is a change too. Which answer is the last of an order depends on the order
// between partitions, and with it what a throw behind that answer costs: nothing throws here.
TEST(RetailTorture, stock) {
  pass([] { return sound(stock::topology(ample)); },
       {.throwing = 0,
        .compare = {{shelves_topic, Compare::nothing}},
        .edited = with_a_store_more("stock",
                                    [](auto& builder) { return stock::declare(builder, ample); })},
       {"OrderCompleted", "OrderRejected"});
}

// The next version of the payments: the processor that their part is named after and their store
// have other names, and there is one more store.
millrace::stream::Topology edited_payments() {
  millrace::stream::TopologyBuilder builder("payments", scarce.partitions);
  payments::declare(builder, scarce, "till", "ledger").group_by_key().count("booked");
  builder.was("till", "cashier").was("ledger", payments::payments_store);
  return sound(builder.build());
}

TEST(RetailTorture, payments) {
  pass([] { return sound(payments::topology(scarce)); }, {.edited = edited_payments});
}

TEST(RetailTorture, shipments) {
  pass([] { return sound(shipments::topology(scarce)); },
       {.edited = with_a_store_more(
            "shipments", [](auto& builder) { return shipments::declare(builder, scarce); })});
}

// A price follows the orders of all partitions in the order in which they come.
TEST(RetailTorture, pricing) {
  pass([] { return sound(pricing::topology(scarce)); },
       {.compare = {{"prices", Compare::nothing}, {prices_topic, Compare::records}},
        .edited = with_a_store_more(
            "pricing", [](auto& builder) { return pricing::declare(builder, scarce); })});
}

// Changes are published from time to time, and an order is stuck when the clock says so.
TEST(RetailTorture, insights) {
  pass([] { return sound(insights::topology(scarce)); },
       {.compare = {{funnel_topic, Compare::last_values},
                    {products_topic, Compare::last_values},
                    {"open-orders", Compare::nothing},
                    {"stuck-orders", Compare::nothing}},
        .edited = with_a_store_more(
            "insights", [](auto& builder) { return insights::declare(builder, scarce); })});
}

}  // namespace
}  // namespace retail
