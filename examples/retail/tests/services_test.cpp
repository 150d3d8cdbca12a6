// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/tests/builders.hpp"
#include "retail/tests/retail_world.hpp"

namespace retail {
namespace {

using namespace test;
using millrace::testkit::WorldOptions;
using testing::ElementsAreArray;
using testing::Gt;
using testing::IsEmpty;

WorldOptions troubled() {
  WorldOptions options;
  options.deaths = 10;
  options.refused_commits = 10;
  options.clock_jumps = 5;
  return options;
}

void expect_sound(const AuditReport& report, const std::vector<Invoice>& invoices) {
  const FileTotals totals = totals_of(invoices);
  EXPECT_THAT(report.violations, IsEmpty());
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.invoices, static_cast<std::int64_t>(invoices.size()));
  EXPECT_EQ(report.orders, totals.orders);
  EXPECT_EQ(report.completed + report.rejected, totals.orders);
  EXPECT_EQ(report.lines, totals.lines);
  EXPECT_EQ(report.returns, totals.returns);
  EXPECT_EQ(report.write_offs, totals.write_offs);
  EXPECT_EQ(report.dead_lettered, totals.adjustments);
  EXPECT_EQ(report.refunds_milli, totals.refunds_milli);
}

TEST(RetailServices, in_ample_every_order_completes_and_the_money_is_that_of_the_file) {
  const auto invoices = some_invoices(400);
  RetailWorld retail(1, ample);
  retail.run(invoices);
  const AuditReport report = retail.audit();
  expect_sound(report, invoices);
  EXPECT_EQ(report.rejected, 0);
  EXPECT_EQ(report.revenue_milli, totals_of(invoices).revenue_milli);
}

TEST(RetailServices, in_scarce_orders_are_rejected_for_every_reason_and_nothing_is_left_behind) {
  const auto invoices = some_invoices(900);
  RetailWorld retail(2, scarce);
  retail.run(invoices);
  const AuditReport report = retail.audit();
  expect_sound(report, invoices);
  for (const auto& [reason, count] : report.rejected_by)
    EXPECT_THAT(count, Gt(0)) << reason;
}

TEST(RetailServices, holds_in_ample_whatever_service_dies_at_any_point) {
  const auto invoices = some_invoices(150);
  for (const std::uint64_t seed : {11, 12, 13}) {
    RetailWorld retail(seed, ample, troubled(), 2);
    SCOPED_TRACE(retail.world().name());
    retail.run(invoices);
    const AuditReport report = retail.audit();
    expect_sound(report, invoices);
    EXPECT_EQ(report.revenue_milli, totals_of(invoices).revenue_milli);
    EXPECT_THAT(retail.world().deaths(), Gt(0U));
  }
}

TEST(RetailServices, holds_in_scarce_whatever_service_dies_at_any_point) {
  const auto invoices = some_invoices(250);
  for (const std::uint64_t seed : {21, 22, 23}) {
    RetailWorld retail(seed, scarce, troubled(), 2, 3);
    SCOPED_TRACE(retail.world().name());
    retail.run(invoices);
    expect_sound(retail.audit(), invoices);
    EXPECT_THAT(retail.world().deaths(), Gt(0U));
  }
}

TEST(RetailServices, holds_when_requests_of_all_kinds_share_an_id) {
  for (const std::uint64_t seed : {51, 52, 53}) {
    RetailWorld retail(seed, scarce, troubled());
    SCOPED_TRACE(retail.world().name());
    auto& world = retail.world();
    constexpr int ids = 60;
    for (int i = 0; i < ids; ++i) {
      const std::vector<TestLine> lines{{"85123A", 1 + i % 3}, {"71053", 2}};
      std::vector<RequestEvent> requests{request<OrderRequested>(lines, 1),
                                         request<WriteOffRequested>(lines, 2),
                                         request<ReturnRequested>(lines, 3)};
      for (int sent = 0; sent < 4; ++sent) {
        retail.ask(id(std::to_string(i)), requests[world.random().below(3)], day(0) + i);
        world.step_randomly(static_cast<int>(world.random().below(6)));
      }
    }
    world.run_to_rest();
    const AuditReport report = retail.audit();
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_EQ(report.invoices, ids);
    EXPECT_EQ(report.orders + report.returns + report.write_offs, ids);
  }
}

TEST(RetailServices, every_service_may_die_once_while_it_works) {
  const auto invoices = some_invoices(120);
  RetailWorld retail(31, scarce);
  std::size_t sent = 0;
  for (const char* service :
       {"storefront", "orders", "stock", "payments", "shipments", "pricing", "insights"}) {
    for (std::size_t i = 0; i < 15; ++i)
      retail.send(invoices[sent++]);
    retail.world().step_randomly(60);
    retail.world().crash(service);
    retail.world().step_randomly(30);
  }
  while (sent < invoices.size())
    retail.send(invoices[sent++]);
  retail.world().run_to_rest();
  expect_sound(retail.audit(), invoices);
}

TEST(RetailServices, two_runs_with_the_same_seed_give_the_same_topics_byte_for_byte) {
  const auto invoices = some_invoices(60);
  const auto dump = [&](std::uint64_t seed) {
    RetailWorld retail(seed, scarce, troubled(), 2);
    retail.run(invoices);
    return retail.world().dump();
  };
  const std::string first = dump(41);
  EXPECT_EQ(first, dump(41));
  EXPECT_NE(first, dump(42));
}

}  // namespace
}  // namespace retail
