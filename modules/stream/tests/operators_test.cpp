// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_runner.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::IsEmpty;

PlanRunner run(TopologyBuilder& builder) {
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return PlanRunner(*std::move(plan));
}

TEST(Filter, keeps_what_the_predicate_takes_with_or_without_the_key) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, OrderEvent>("orders");
  orders.filter(is<Placed>).to("placed");
  orders.filter_not(is<Placed>).to("others");
  orders.filter([](const string& key, const OrderEvent&) { return key == "o2"; }).to("second");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), OrderEvent(Placed{"UK", 5}));
  runner.pipe("orders", string("o2"), OrderEvent(Cancelled{"late"}));
  EXPECT_THAT(runner.sent("placed"), ElementsAre(R"("o1"={"country":"UK","total":5})"));
  EXPECT_THAT(runner.sent("others"), ElementsAre(R"("o2"={"reason":"late"})"));
  EXPECT_THAT(runner.sent("second"), ElementsAre(R"("o2"={"reason":"late"})"));
}

TEST(Map, changes_key_and_value) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, Placed>("orders");
  orders.map([](const string& key, const Placed& order) { return std::pair(order.total, key); })
      .to("mapped");
  orders.map_values([](const Placed& order) { return order.total + 1; }).to("values");
  orders.select_key([](const Placed& order) { return order.country; }).to("keyed");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 5});
  EXPECT_THAT(runner.sent("mapped"), ElementsAre(R"(5="o1")"));
  EXPECT_THAT(runner.sent("values"), ElementsAre(R"("o1"=6)"));
  EXPECT_THAT(runner.sent("keyed"), ElementsAre(R"("UK"={"country":"UK","total":5})"));
}

TEST(FlatMap, makes_any_number_of_messages_of_one) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, Placed>("orders");
  orders
      .flat_map([](const string& key, const Placed& order) {
        std::vector<std::pair<std::int64_t, string>> made;
        for (std::int64_t i = 0; i < order.total; ++i)
          made.emplace_back(i, key);
        return made;
      })
      .to("mapped");
  orders
      .flat_map_values(
          [](const Placed& order) { return std::vector<std::int64_t>(2, order.total); })
      .to("values");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 2});
  runner.pipe("orders", string("o2"), Placed{"UK", 0});
  EXPECT_THAT(runner.sent("mapped"), ElementsAre(R"(0="o1")", R"(1="o1")"));
  EXPECT_THAT(runner.sent("values"),
              ElementsAre(R"("o1"=2)", R"("o1"=2)", R"("o2"=0)", R"("o2"=0)"));
}

TEST(Peek, sees_messages_on_their_way_and_for_each_at_their_end) {
  TopologyBuilder builder("shop");
  std::vector<string> seen;
  builder.stream<string, Placed>("orders")
      .peek([&seen](const string& key, const Placed&) { seen.push_back("peek " + key); })
      .for_each([&seen](const Placed& order) { seen.push_back("end " + order.country); });
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 2});
  EXPECT_THAT(seen, ElementsAre("peek o1", "end UK"));
}

TEST(Merge, brings_streams_of_one_type_together) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("web").merge(builder.stream<string, Placed>("phone")).to("orders");
  auto runner = run(builder);
  runner.pipe("phone", string("o1"), Placed{"UK", 2});
  runner.pipe("web", string("o2"), Placed{"FR", 3});
  EXPECT_THAT(runner.sent("orders"), ElementsAre(R"("o1"={"country":"UK","total":2})",
                                                 R"("o2"={"country":"FR","total":3})"));
}

TEST(Merge, brings_streams_of_different_types_together_without_copies) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, OrderEvent>("orders");
  const auto payments = builder.stream<string, Paid>("payments");
  const void* seen = nullptr;
  builder.merge(orders, payments)
      .map_values([&seen](const std::variant<const OrderEvent*, const Paid*>& either) {
        if (const auto* paid = std::get_if<const Paid*>(&either)) {
          seen = *paid;
          return (*paid)->amount;
        }
        return std::int64_t{-1};
      })
      .to("amounts");
  auto runner = run(builder);
  const Paid paid{7};
  runner.pipe("orders", string("o1"), OrderEvent(Cancelled{}));
  runner.pipe("payments", string("o1"), paid);
  EXPECT_THAT(runner.sent("amounts"), ElementsAre(R"("o1"=-1)", R"("o1"=7)"));
  EXPECT_EQ(seen, &paid);
}

TEST(To, asks_the_partitioner_it_was_given) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to(
      "out", [](const string&, const Placed& order, std::int32_t partitions) {
        return static_cast<std::int32_t>(order.total % partitions);
      });
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 7});
  EXPECT_THAT(runner.sent("out"), ElementsAre(R"("o1"={"country":"UK","total":7}@3)"));
}

TEST(PrivateTopic, carries_messages_from_one_part_to_another) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders")
      .select_key([](const Placed& order) { return order.country; })
      .to_private("by-country");
  builder.private_stream<string, Placed>("by-country").to("out");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 7});
  EXPECT_THAT(runner.sent("shop.by-country"), ElementsAre(R"("UK"={"country":"UK","total":7})"));
  EXPECT_THAT(runner.sent("out"), ElementsAre(R"("UK"={"country":"UK","total":7})"));
}

TEST(ToTable, keeps_the_latest_value_and_hands_on_each) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to_table("latest").to_stream().to("changes");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 1});
  runner.pipe("orders", string("o1"), Placed{"FR", 2});
  EXPECT_EQ((runner.store<string, Placed>("latest").get("o1")->country), "FR");
  EXPECT_EQ(runner.sent("changes").size(), 2U);
}

TEST(Table, follows_its_topic_and_its_deletions) {
  TopologyBuilder builder("shop");
  builder.table<string, Paid>("prices", "prices").to_stream().to("facts");
  auto runner = run(builder);
  runner.pipe("prices", string("p"), Paid{3});
  EXPECT_EQ((runner.store<string, Paid>("prices").get("p")->amount), 3);
  runner.pipe_deletion("prices", string("p"));
  EXPECT_FALSE((runner.store<string, Paid>("prices").get("p").has_value()));
  EXPECT_THAT(runner.sent("facts"), ElementsAre(R"("p"={"amount":3})", R"("p"=null)"));
}

TEST(Stream, passes_on_records_without_a_value) {
  TopologyBuilder builder("shop");
  builder.stream<string, Paid>("payments").to("out");
  auto runner = run(builder);
  runner.pipe_deletion("payments", string("p"));
  EXPECT_THAT(runner.sent("out"), ElementsAre(R"("p"=null)"));
}

TEST(GroupedStream, counts_reduces_and_aggregates_by_key) {
  TopologyBuilder builder("shop");
  const auto payments = builder.stream<string, Paid>("payments").group_by_key();
  payments.count("count").to_stream().to("counted");
  payments
      .reduce(
          [](const Paid& so_far, const Paid& next) { return Paid{so_far.amount * next.amount}; },
          "product")
      .to_stream()
      .to("reduced");
  payments
      .aggregate(
          std::int64_t{100},
          [](const string&, const Paid& paid, std::int64_t so_far) { return so_far + paid.amount; },
          "sum")
      .to_stream()
      .to("summed");
  auto runner = run(builder);
  runner.pipe("payments", string("a"), Paid{3});
  runner.pipe("payments", string("b"), Paid{4});
  runner.pipe("payments", string("a"), Paid{5});
  EXPECT_THAT(runner.sent("counted"), ElementsAre(R"("a"=1)", R"("b"=1)", R"("a"=2)"));
  EXPECT_THAT(runner.sent("reduced"),
              ElementsAre(R"("a"={"amount":3})", R"("b"={"amount":4})", R"("a"={"amount":15})"));
  EXPECT_THAT(runner.sent("summed"), ElementsAre(R"("a"=103)", R"("b"=104)", R"("a"=108)"));
  EXPECT_EQ((runner.store<string, std::int64_t>("count").get("a")), 2);
}

TEST(GroupBy, repartitions_under_the_name_of_the_store) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders")
      .group_by([](const Placed& order) { return order.country; })
      .count("by-country")
      .to_stream()
      .to("out");
  auto runner = run(builder);
  runner.pipe("orders", string("o1"), Placed{"UK", 1});
  runner.pipe("orders", string("o2"), Placed{"UK", 1});
  EXPECT_EQ(runner.sent("shop.by-country.repartition").size(), 2U);
  EXPECT_THAT(runner.sent("out"), ElementsAre(R"("UK"=1)", R"("UK"=2)"));
}

TEST(WindowedStream, keeps_windows_apart_however_late_a_record_comes) {
  TopologyBuilder builder("shop");
  const auto windows = builder.stream<string, Paid>("payments")
                           .group_by_key()
                           .windowed_by(tumbling(std::chrono::milliseconds(10))
                                            .never_closes()
                                            .retention(std::chrono::hours(1)));
  windows.count("counts");
  windows.reduce([](const Paid& a, const Paid& b) { return Paid{a.amount + b.amount}; }, "sums");
  windows
      .aggregate(
          string(),
          [](const Paid& paid, string so_far) { return so_far + std::to_string(paid.amount); },
          "texts")
      .to_stream()
      .map([](const Windowed<string>& window, const string& text) {
        return std::pair(window.start_ms, text);
      })
      .to("texts");
  auto runner = run(builder);
  runner.pipe("payments", string("a"), Paid{1}, 3);
  runner.pipe("payments", string("a"), Paid{2}, 25);
  runner.pipe("payments", string("a"), Paid{3}, 9);
  runner.pipe("payments", string("a"), Paid{4}, -1);
  const auto counts = runner.store<Windowed<string>, std::int64_t>("counts");
  EXPECT_EQ(counts.get({"a", 0, 10}), 2);
  EXPECT_EQ(counts.get({"a", 20, 30}), 1);
  EXPECT_EQ(counts.get({"a", -10, 0}), 1);
  EXPECT_EQ((runner.store<Windowed<string>, Paid>("sums").get({"a", 0, 10})->amount), 4);
  EXPECT_THAT(runner.sent("texts"),
              ElementsAre(R"(0="1")", R"(20="2")", R"(0="13")", R"(-10="4")"));
}

TEST(Join, meets_the_tables_current_value) {
  TopologyBuilder builder("shop");
  const auto totals = builder.stream<string, Placed>("orders").to_table("totals");
  const auto payments = builder.stream<string, Paid>("payments");
  payments
      .join(totals, [](const Paid& paid, const Placed& order) { return order.total - paid.amount; })
      .to("due");
  payments
      .left_join(totals,
                 [](const string& key, const Paid& paid, const Placed* order) {
                   return key + (order == nullptr ? " unknown " : " known ") +
                          std::to_string(paid.amount);
                 })
      .to("seen");
  auto runner = run(builder);
  runner.pipe("payments", string("o1"), Paid{3});
  runner.pipe("orders", string("o1"), Placed{"UK", 10});
  runner.pipe("payments", string("o1"), Paid{4});
  EXPECT_THAT(runner.sent("due"), ElementsAre(R"("o1"=6)"));
  EXPECT_THAT(runner.sent("seen"), ElementsAre(R"("o1"="o1 unknown 3")", R"("o1"="o1 known 4")"));
}

}  // namespace
}  // namespace millrace::stream::test
