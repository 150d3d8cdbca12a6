// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Operators of the DSL in real tasks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/stream/topology.hpp"
#include "runtime_fixture.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

class DslOnRuntime : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, DslOnRuntime, testing::ValuesIn(runtime_backends()), backend_name);

using std::string;
using std::chrono_literals::operator""ms;
using testing::ElementsAre;
using testing::Pair;

Topology running_topology(TopologyBuilder& builder) {
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return *std::move(plan);
}

/// Counts and sums by country and by window, orders being keyed otherwise.
Topology insights() {
  TopologyBuilder builder("insights");
  const auto by_country =
      builder.stream<string, OrderEvent>("orders")
          .filter(is<Placed>)
          .map_values([](const OrderEvent& event) { return std::get<Placed>(event); })
          .select_key([](const Placed& order) { return order.country; })
          .repartition("country")
          .group_by_key();
  by_country.count("orders-by-country").to_stream().to("insights.counts");
  by_country.windowed_by(tumbling(100ms).never_closes().retention(std::chrono::hours(1)))
      .aggregate(
          std::int64_t{0},
          [](const Placed& order, std::int64_t so_far) { return so_far + order.total; },
          "revenue-by-window");
  return running_topology(builder);
}

struct OrderAt {
  string id;
  string country;
  std::int64_t total;
  std::int64_t time_ms;
};

void pipe(Driver& driver, const std::vector<OrderAt>& orders) {
  for (const OrderAt& order : orders) {
    driver.pipe("orders", order.id, OrderEvent(Placed{order.country, order.total}), order.time_ms);
  }
  driver.run_until_idle();
}

TEST_P(DslOnRuntime, groups_meet_in_one_task_whatever_partition_their_records_came_from) {
  auto driver = open(insights());
  driver->declare_topic("orders", "orders");
  pipe(*driver,
       {{"o1", "UK", 1, 10}, {"o2", "UK", 2, 20}, {"o3", "UK", 4, 30}, {"o4", "FR", 8, 40}});
  driver->pipe("orders", string("o1"), OrderEvent(Cancelled{"late"}), 50);
  driver->run_until_idle();
  const auto counts = driver->store<string, std::int64_t>("orders-by-country");
  EXPECT_THAT(counts.all(), ElementsAre(Pair("FR", 1), Pair("UK", 3)));
  EXPECT_EQ((driver->read<string, std::int64_t>("insights.counts").size()), 4U);
}

TEST_P(DslOnRuntime, windows_and_counts_survive_a_crash) {
  auto driver = open(insights());
  driver->declare_topic("orders", "orders");
  pipe(*driver, {{"o1", "UK", 1, 10}, {"o2", "UK", 2, 110}});
  driver->crash_and_restart();
  driver->run_until_idle();
  pipe(*driver, {{"o3", "UK", 4, 99}});
  const auto windows = driver->store<Windowed<string>, std::int64_t>("revenue-by-window");
  EXPECT_THAT(windows.all(), ElementsAre(Pair(Windowed<string>{"UK", 0, 100}, 5),
                                         Pair(Windowed<string>{"UK", 100, 200}, 2)));
  EXPECT_EQ((driver->store<string, std::int64_t>("orders-by-country").get("UK")), 3);
}

TEST_P(DslOnRuntime, a_view_answers_ranges_over_all_tasks_in_key_order) {
  auto driver = open(insights());
  driver->declare_topic("orders", "orders");
  pipe(*driver, {{"o1", "DE", 1, 1}, {"o2", "UK", 1, 1}, {"o3", "AT", 1, 1}, {"o4", "FR", 1, 1}});
  const auto view = driver->instance().view<string, std::int64_t>("orders-by-country").value();
  const auto from_b = view.range("B", "UK", 10);
  ASSERT_TRUE(from_b) << from_b.error().to_string();
  EXPECT_THAT(from_b->value, ElementsAre(Pair("DE", 1), Pair("FR", 1)));
  const auto first = view.all(1);
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_THAT(first->value, ElementsAre(Pair("AT", 1)));
}

TEST_P(DslOnRuntime, a_table_goes_before_the_stream_that_is_joined_with_it) {
  TopologyBuilder builder("billing");
  const auto orders = builder.table<string, Placed>("orders", "orders");
  builder.stream<string, Paid>("payments")
      .join(orders, [](const Paid& paid, const Placed& order) { return order.total - paid.amount; })
      .to("billing.due");
  auto driver = open(running_topology(builder));
  driver->declare_topic("orders", "orders");
  driver->declare_topic("payments", "payments");
  driver->pipe("payments", string("o1"), Paid{3}, 9);
  driver->pipe("payments", string("o1"), Paid{4}, 10);
  driver->pipe("orders", string("o1"), Placed{"UK", 10}, 10);
  driver->run_until_idle();
  std::vector<std::int64_t> due;
  for (const auto& record : driver->read<string, std::int64_t>("billing.due"))
    due.push_back(record.value);
  EXPECT_THAT(due, ElementsAre(6));
}

TEST_P(DslOnRuntime, merged_streams_are_taken_in_time_order) {
  TopologyBuilder builder("audit");
  const auto orders = builder.stream<string, OrderEvent>("orders");
  const auto payments = builder.stream<string, Paid>("payments");
  builder.merge(orders, payments)
      .map_values([](const std::variant<const OrderEvent*, const Paid*>& either) {
        return string(either.index() == 0 ? "order" : "payment");
      })
      .to("audit.seen");
  auto driver = open(running_topology(builder));
  driver->declare_topic("orders", "orders");
  driver->declare_topic("payments", "payments");
  driver->pipe("payments", string("o1"), Paid{3}, 20);
  driver->pipe("orders", string("o1"), OrderEvent(Placed{"UK", 10}), 10);
  driver->pipe("orders", string("o1"), OrderEvent(Cancelled{"late"}), 30);
  driver->run_until_idle();
  std::vector<string> seen;
  for (const auto& record : driver->read<string, string>("audit.seen"))
    seen.push_back(record.value);
  EXPECT_THAT(seen, ElementsAre("order", "payment", "order"));
}

}  // namespace
}  // namespace millrace::stream::test
