// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "harness.hpp"
#include "log_reader.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

TEST(Insights, started_last_read_history_and_agree) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  services.kill("insights");
  Shoppers shoppers(services, mixed_postings("H-", 120));
  ASSERT_TRUE(shoppers.served());
  ASSERT_TRUE(services.at_rest(120));
  EXPECT_FALSE(audit(directory).report.ok) << "revenue cannot agree before anybody has counted it";

  services.start("insights");
  ASSERT_TRUE(services.ready("insights"));
  ASSERT_TRUE(await("history has been read", [&] { return audit(directory).report.ok; }));
  ASSERT_TRUE(services.at_rest(120));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  const std::int64_t revenue = audited.report.revenue_milli.at("France");
  const auto answer = services.get("storefront", "/insights/revenue?country=France");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(contains(answer.body, "\"revenue_milli\":" + std::to_string(revenue) + ","))
      << answer.body;
}

TEST(Pricing, is_plugged_into_the_running_system_and_nobody_else_changes) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all({"pricing"});
  ASSERT_TRUE(services.all_ready());
  Shoppers before(services, mixed_postings("P-", 80));
  ASSERT_TRUE(before.served());
  LogReader log(services.log_directory());
  EXPECT_TRUE(log.all("prices").empty());

  Shoppers meanwhile(services, mixed_postings("Q-", 120));
  ASSERT_TRUE(await("the shop is busy", [&] { return meanwhile.answered() > 20; }));
  services.start("pricing");
  ASSERT_TRUE(services.ready("pricing"));
  ASSERT_TRUE(meanwhile.served());
  EXPECT_TRUE(meanwhile.all_answered(201));
  ASSERT_TRUE(services.at_rest(200));
  EXPECT_GT(services.metric("pricing", "millrace_stream_records_total").value_or(0), 0)
      << "it reads what was there before it";
  EXPECT_TRUE(holds(audit(directory).report));
  EXPECT_TRUE(services.stop_all());
}

// Without a pause between the two, and without a second try.
TEST(RetailServices, takes_orders_as_soon_as_the_storefront_says_that_it_is_ready) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.ready("storefront"));
  const Posting posting = order("E-1");
  const auto answer = services.post(posting.target, posting.body);
  EXPECT_EQ(answer.status, 201) << answer.body;
}

TEST(RetailServices, continues_when_everything_was_killed_at_once) {
  const TemporaryDirectory directory;
  Services services(directory, {.arguments = {"--snapshot-interval-ms", "100"}});
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  Shoppers shoppers(services, mixed_postings("K-", 300));
  for (const int busy : {50, 150}) {
    ASSERT_TRUE(await("the shop is busy", [&] { return shoppers.answered() > busy; }));
    services.kill_all();
    services.start_all();
    ASSERT_TRUE(services.all_ready());
  }
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
  ASSERT_TRUE(services.at_rest(300));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, 300);
  EXPECT_EQ(audited.report.completed, audited.report.orders);
  EXPECT_TRUE(services.stop_all());
}

TEST(RetailServices, drains_on_sigterm_and_finds_everything_again) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  const Posting posting = order("D-1", "85123A", 3, 2'550, "France");
  const auto first = services.post(posting.target, posting.body);
  EXPECT_EQ(first.status, 201) << first.body;
  ASSERT_TRUE(services.at_rest(1));
  ASSERT_TRUE(services.stop_all());
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  const auto found = services.get("storefront", "/orders/D-1");
  EXPECT_EQ(found.status, 200);
  EXPECT_TRUE(contains(found.body, R"("status":"completed")")) << found.body;
  EXPECT_TRUE(contains(found.body, R"("total_milli":7650)")) << found.body;
}

}  // namespace
}  // namespace retail_test
