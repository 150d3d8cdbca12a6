// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/insights/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/codec/describe.hpp"
#include "millrace/codec/type_shape.hpp"
#include "retail/contracts/prices.hpp"
#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using millrace::stream::Windowed;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Insights : public testing::Test {
 protected:
  Insights() : driver_(sound(insights::topology(scarce))) {
    driver_.declare_topic(requests_topic, "storefront");
    driver_.declare_topic(orders_topic, "orders");
    driver_.declare_topic(stock_topic, "stock");
    driver_.declare_topic(payments_topic, "payments");
    driver_.declare_topic(shipments_topic, "shipments");
  }
  void order(const std::string& name, const OrderEvent& event, std::int64_t time = day(0)) {
    driver_.pipe(orders_topic, id(name), event, time);
    driver_.run_until_idle();
  }
  void complete(const std::string& name, const std::vector<TestLine>& lines,
                const std::string& country, std::int64_t time = day(0)) {
    order(name, validated(lines, country), time);
    order(name, OrderCompleted{{country}, total_of(lines)}, time);
  }
  insights::Revenue revenue(const std::string& country) {
    return driver_.store<Country, insights::Revenue>(insights::revenue_store)
        .get({country})
        .value_or(insights::Revenue{});
  }
  FunnelChanged funnel() {
    FunnelChanged sum;
    for (const auto& [key, part] :
         driver_.store<std::string, insights::FunnelCounts>(insights::funnel_store).all()) {
      sum.orders_requested += part.counts.orders_requested;
      sum.validated += part.counts.validated;
      sum.confirmed += part.counts.confirmed;
      sum.completed += part.counts.completed;
      sum.rejected += part.counts.rejected;
      sum.dispatched += part.counts.dispatched;
    }
    return sum;
  }
  auto stuck() {
    return driver_.store<RequestId, insights::OpenOrder>(insights::stuck_orders_store).all();
  }

  millrace::testkit::TopologyDriver driver_;
};

TEST_F(Insights, revenue_is_that_of_completed_orders_by_country) {
  complete("1", {{"85123A", 6, 2'550}}, "France");
  complete("2", {{"85123A", 1, 2'550}}, "Germany");
  complete("3", {{"POST", 1, 18'000}}, "France");
  order("4", validated({{"85123A", 6, 2'550}}));
  order("4", rejected(RejectionReason::out_of_stock));
  EXPECT_EQ(revenue("France").revenue_milli, Money{33'300});
  EXPECT_EQ(revenue("France").orders, 2);
  EXPECT_EQ(revenue("Germany").revenue_milli, Money{2'550});
}

TEST_F(Insights, credit_notes_are_refunds_and_rollbacks_are_not) {
  driver_.pipe(payments_topic, id("C1"),
               PaymentEvent(PaymentRefunded{RefundKind::credit_note, {"France"}, {500}}), day(0));
  driver_.pipe(payments_topic, id("2"),
               PaymentEvent(PaymentRefunded{RefundKind::rollback, {"France"}, {900}}), day(0));
  driver_.run_until_idle();
  EXPECT_EQ(revenue("France").refunds_milli, Money{500});
  EXPECT_EQ(revenue("France").orders, 0);
}

TEST_F(Insights, revenue_is_kept_and_published_by_day_of_event_time) {
  complete("1", {{"85123A", 1, 100}}, "France", day(0) + 5);
  complete("2", {{"85123A", 1, 200}}, "France", day(1));
  complete("3", {{"85123A", 1, 300}}, "France", day(0) + 7);
  const auto days =
      driver_.store<Windowed<Country>, insights::Revenue>(insights::daily_revenue_store).all();
  ASSERT_THAT(days, SizeIs(2));
  EXPECT_EQ(days[0].first.start_ms, day(0));
  EXPECT_EQ(days[0].second.revenue_milli, Money{400});
  EXPECT_EQ(days[1].second.revenue_milli, Money{200});
  std::vector<std::string> published;
  for (const auto& event : driver_.read<Country, RevenueEvent>(revenue_topic)) {
    if (const auto* daily = std::get_if<DailyRevenueChanged>(&event.value))
      published.push_back(daily->day + " " + std::to_string(daily->revenue_milli.milli));
  }
  EXPECT_THAT(published, ElementsAre("2010-12-01 100", "2010-12-02 200", "2010-12-01 400"));
}

TEST_F(Insights, sales_by_product_are_published_from_time_to_time_and_only_when_changed) {
  complete("1", {{"85123A", 6, 2'550}, {"85123A", 1, 2'550}, {"POST", 1, 18'000}}, "France");
  driver_.advance_ms(2 * insights::publish_interval_ms);
  std::map<std::string, ProductSalesChanged> last;
  for (const auto& event : driver_.read<ProductCode, ProductSalesChanged>(products_topic))
    last[event.key.text] = event.value;
  ASSERT_THAT(last, SizeIs(2));
  EXPECT_EQ(last["85123A"].units, 7);
  EXPECT_EQ(last["85123A"].lines, 2);
  EXPECT_EQ(last["85123A"].revenue_milli, Money{7 * 2'550});
  driver_.advance_ms(5 * insights::publish_interval_ms);
  EXPECT_THAT(driver_.read_raw(products_topic), IsEmpty());
}

// One firing for all of them would write more than a commit holds.
TEST_F(Insights, sales_of_very_many_products_are_all_published) {
  for (const std::string name : {"1", "2", "3", "4", "5", "6", "7", "8"}) {
    std::vector<TestLine> lines;
    for (int i = 0; i < 9'000; ++i)
      lines.push_back({name + "-" + std::to_string(i), 1, 100});
    complete(name, lines, "France");
  }
  driver_.advance_ms(2 * insights::publish_interval_ms);
  EXPECT_THAT(driver_.read_raw(products_topic), SizeIs(72'000));
  EXPECT_EQ(driver_.instance().status().failed_firings, 0U);
}

TEST_F(Insights, orders_that_are_rejected_sell_nothing) {
  order("1", validated({{"85123A", 6, 2'550}}));
  order("1", rejected(RejectionReason::payment_declined));
  driver_.advance_ms(2 * insights::publish_interval_ms);
  EXPECT_THAT(driver_.read_raw(products_topic), IsEmpty());
}

TEST_F(Insights, the_funnel_counts_how_far_requests_come) {
  for (const char* name : {"1", "2", "3"}) {
    driver_.pipe(requests_topic, id(name), RequestEvent(request<OrderRequested>({{"85123A", 6}})),
                 day(0));
    order(name, validated({{"85123A", 6}}));
  }
  order("1", rejected(RejectionReason::out_of_stock));
  order("2", OrderConfirmed{});
  driver_.pipe(shipments_topic, id("2"), ShipmentEvent(OrderDispatched{}), day(0));
  order("2", OrderCompleted{{"France"}, {6'000}});
  EXPECT_EQ(funnel().orders_requested, 3);
  EXPECT_EQ(funnel().validated, 3);
  EXPECT_EQ(funnel().rejected, 1);
  EXPECT_EQ(funnel().confirmed, 1);
  EXPECT_EQ(funnel().dispatched, 1);
  EXPECT_EQ(funnel().completed, 1);
  driver_.advance_ms(2 * insights::publish_interval_ms);
  EXPECT_FALSE(driver_.read_raw(funnel_topic).empty());
}

TEST_F(Insights, an_order_that_does_not_move_for_a_minute_is_stuck_until_it_does) {
  order("1", validated({{"85123A", 6}}));
  driver_.advance_ms(insights::stuck_after_ms / 2);
  EXPECT_THAT(stuck(), IsEmpty());
  driver_.advance_ms(insights::stuck_after_ms);
  ASSERT_THAT(stuck(), SizeIs(1));
  EXPECT_EQ(stuck()[0].first.text, "1");
  order("1", OrderConfirmed{});
  EXPECT_THAT(stuck(), IsEmpty());
}

TEST_F(Insights, started_last_it_reads_history) {
  millrace::testkit::TopologyDriver late(sound(insights::topology(scarce)));
  late.declare_topic(requests_topic, "storefront");
  late.declare_topic(orders_topic, "orders");
  for (int i = 0; i < 100; ++i) {
    late.pipe(orders_topic, id(std::to_string(i)), validated({{"85123A", 1, 10}}), day(i));
    late.pipe(orders_topic, id(std::to_string(i)), OrderEvent(OrderCompleted{{"France"}, {10}}),
              day(i));
  }
  late.declare_topic(stock_topic, "stock");
  late.declare_topic(payments_topic, "payments");
  late.declare_topic(shipments_topic, "shipments");
  late.run_until_idle();
  EXPECT_EQ(
      (late.store<Country, insights::Revenue>(insights::revenue_store).get({"France"})->orders),
      100);
}

TEST_F(Insights, a_crash_counts_nothing_twice) {
  complete("1", {{"85123A", 6, 2'550}}, "France");
  driver_.crash_and_restart();
  complete("2", {{"85123A", 1, 2'550}}, "France");
  driver_.crash_and_restart();
  driver_.run_until_idle();
  EXPECT_EQ(revenue("France").orders, 2);
  EXPECT_EQ(funnel().completed, 2);
}

// The largest amount that one event may have as a number.
constexpr Money large{std::int64_t{1} << 53};

TEST_F(Insights, sums_beyond_what_json_numbers_tell_apart_are_published_as_text) {
  complete("1", {{"85123A", 1, large.milli}}, "France");
  complete("2", {{"85123A", 1, large.milli}}, "France");
  complete("3", {{"85123A", 1, 1}}, "France");
  driver_.advance_ms(2 * insights::publish_interval_ms);
  constexpr std::int64_t sum = (std::int64_t{1} << 54) + 1;
  EXPECT_EQ(revenue("France").revenue_milli, Money{sum});
  EXPECT_THAT(driver_.read_raw("insights.dead-letters"), IsEmpty());
  std::vector<std::string> totals;
  for (const auto& record : driver_.read_raw(revenue_topic)) {
    if (record.header("ce_type") == "RevenueChanged") totals.push_back(record.value.value_or(""));
  }
  ASSERT_THAT(totals, SizeIs(3));
  EXPECT_EQ(totals.back(),
            R"({"revenue_milli":"18014398509481985","refunds_milli":"0","orders":3})");
  const auto products = driver_.read<ProductCode, ProductSalesChanged>(products_topic);
  ASSERT_FALSE(products.empty());
  EXPECT_EQ(products.back().value.revenue_milli, Money{sum});
}

TEST_F(Insights, revenue_beyond_any_number_is_dead_lettered_and_never_negative) {
  constexpr int fit = 1'023;
  for (int i = 0; i <= fit; ++i)
    driver_.pipe(orders_topic, id(std::to_string(i)), OrderEvent(OrderCompleted{{"France"}, large}),
                 day(0));
  driver_.run_until_idle();
  EXPECT_EQ(revenue("France").revenue_milli, Money{large.milli * fit});
  EXPECT_EQ(revenue("France").orders, fit);
  EXPECT_THAT(driver_.read_raw("insights.dead-letters"), SizeIs(1));
  complete("other", {{"85123A", 1}}, "Germany");
  EXPECT_EQ(revenue("Germany").orders, 1);
}

// The events as builds wrote them that did not write sums as text.
namespace before {
struct RevenueChanged {
  Money revenue_milli;
  Money refunds_milli;
  std::int64_t orders = 0;
};
BOOST_DESCRIBE_STRUCT(RevenueChanged, (), (revenue_milli, refunds_milli, orders))
struct DailyRevenueChanged {
  std::string day;
  Money revenue_milli;
  Money refunds_milli;
  std::int64_t orders = 0;
};
BOOST_DESCRIBE_STRUCT(DailyRevenueChanged, (), (day, revenue_milli, refunds_milli, orders))
struct ProductSalesChanged {
  std::int64_t units = 0;
  Money revenue_milli;
  std::int64_t lines = 0;
};
BOOST_DESCRIBE_STRUCT(ProductSalesChanged, (), (units, revenue_milli, lines))
struct PriceMoved {
  Money from_milli;
  Money to_milli;
  std::int64_t units = 0;
  std::int64_t units_before = 0;
};
BOOST_DESCRIBE_STRUCT(PriceMoved, (), (from_milli, to_milli, units, units_before))
}  // namespace before

// Events and entries of stores of the earlier build are read by this one, and those of this build
// by the earlier one, as after a rollback; the manifest sees no difference.
template <class Old, class New>
void expect_readable_both_ways(const Old& old, const New& now) {
  using namespace millrace::codec;
  EXPECT_EQ(to_text(shape_of(type_info<Old>())), to_text(shape_of(type_info<New>())));
  const std::string text = to_json(now);
  for (const std::string& written : {to_json(old), text}) {
    const auto read = from_json<New>(written);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(to_json(*read), text);
  }
  const auto back = from_json<Old>(text);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(to_json(*back), to_json(old));
  std::string old_bytes;
  std::string bytes;
  encode_binary(type_info<Old>(), &old, old_bytes);
  encode_binary(type_info<New>(), &now, bytes);
  EXPECT_EQ(old_bytes, bytes);
}

TEST(EventsOfInsights, are_read_as_earlier_builds_wrote_them_and_by_earlier_builds) {
  expect_readable_both_ways(before::RevenueChanged{{30}, {-1}, 2}, RevenueChanged{{30}, {-1}, 2});
  expect_readable_both_ways(before::DailyRevenueChanged{"2010-12-01", {30}, {-1}, 2},
                            DailyRevenueChanged{"2010-12-01", {30}, {-1}, 2});
  expect_readable_both_ways(before::ProductSalesChanged{6, {15'300}, 1},
                            ProductSalesChanged{6, {15'300}, 1});
  expect_readable_both_ways(before::PriceMoved{{1}, {2}, 3, 4}, PriceMoved{{1}, {2}, 3, 4});
}

}  // namespace
}  // namespace retail
