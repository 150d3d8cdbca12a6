// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/describe/enum_to_string.hpp>
#include <map>

#include "millrace/base/hash.hpp"
#include "millrace/codec/codec.hpp"
#include "retail/stock/shelf_commands.hpp"
#include "retail/stock/topology.hpp"
#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class Stock : public testing::Test {
 protected:
  explicit Stock(const Settings& settings = scarce) : driver_(sound(stock::topology(settings))) {
    driver_.declare_topic(orders_topic, "orders");
  }
  std::string order(const std::string& name, const OrderEvent& event, std::int64_t time = day(0)) {
    std::string cause = driver_.pipe(orders_topic, id(name), event, time, "correlation-" + name);
    driver_.run_until_idle();
    return cause;
  }
  void write_off(const std::string& name, const std::vector<TestLine>& lines,
                 std::int64_t time = day(0)) {
    order(name, WriteOffAccepted{order_lines(lines)}, time);
  }
  std::vector<std::string> said() { return story(driver_, stock_topic); }
  ShelfLevel shelf(const std::string& product) {
    return driver_.store<ProductCode, ShelfLevel>(stock::shelves_store)
        .get({product})
        .value_or(ShelfLevel{});
  }
  /// The changes of shelves since the last call, `change product quantity`, checked to add up.
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    for (const auto& event : driver_.read<ProductCode, ShelfChanged>(shelves_topic)) {
      const ShelfChanged& level = event.value;
      EXPECT_EQ(level.free, level.opened + level.arrived + level.taken_back - level.written_off -
                                level.shipped - level.reserved);
      EXPECT_GE(level.free, 0);
      EXPECT_GE(level.reserved, 0);
      out.push_back(std::string(boost::describe::enum_to_string(level.change, "")) + " " +
                    event.key.text + " " + std::to_string(level.quantity));
    }
    return out;
  }

  millrace::testkit::TopologyDriver driver_;
};

class AmpleStock : public Stock {
 protected:
  AmpleStock() : Stock(ample) {}
};

TEST_F(Stock, lines_are_reserved_then_shipped_when_the_order_completes) {
  order("1", validated({{"85123A", 6}, {"71053", 4}, {"84406B", 8}}));
  EXPECT_THAT(said(), ElementsAre("StockReserved 1"));
  EXPECT_EQ(shelf("85123A").reserved, 6);
  EXPECT_EQ(shelf("85123A").free, 194);
  order("1", OrderCompleted{{"France"}, {1}});
  EXPECT_EQ(shelf("85123A").reserved, 0);
  EXPECT_EQ(shelf("85123A").shipped, 6);
  EXPECT_EQ(shelf("71053").shipped, 4);
  EXPECT_EQ(shelf("84406B").shipped, 8);
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_THAT((driver_.store<RequestId, stock::Gathering>(stock::gatherings_store).all()),
              IsEmpty())
      << "nothing is kept of completed orders";
  EXPECT_THAT((driver_.store<RequestId, stock::Reservations>(stock::reservations_store).all()),
              IsEmpty());
}

TEST_F(Stock, every_change_of_a_shelf_is_published) {
  order("1", validated({{"85123A", 6}}));
  order("1", OrderCompleted{{"France"}, {1}});
  EXPECT_THAT(changes(), ElementsAre("opened 85123A 200", "reserved 85123A 6", "shipped 85123A 6"));
}

TEST_F(Stock, the_reservation_names_the_order_as_its_cause_though_it_went_through_private_topics) {
  const std::string cause = order("1", validated({{"85123A", 6}, {"71053", 4}}));
  const auto said = driver_.read_raw(stock_topic);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].header("ce_causationid"), cause);
  EXPECT_EQ(said[0].header("ce_correlationid"), "correlation-1");
  for (const auto& change : driver_.read_raw(shelves_topic))
    EXPECT_EQ(change.header("ce_causationid"), cause);
}

TEST_F(Stock, what_is_short_refuses_the_order_and_what_was_taken_is_given_back_first) {
  order("1", validated({{"85123A", 6}, {"71053", 201}, {"84406B", 8}}));
  const auto events = driver_.read<RequestId, StockEvent>(stock_topic);
  ASSERT_THAT(events, SizeIs(1));
  const auto& refused = std::get<StockRefused>(events[0].value);
  ASSERT_THAT(refused.shortages, SizeIs(1));
  EXPECT_EQ(refused.shortages[0].product.text, "71053");
  EXPECT_EQ(refused.shortages[0].wanted, 201);
  EXPECT_EQ(refused.shortages[0].free, 200);
  for (const char* product : {"85123A", "71053", "84406B"})
    EXPECT_EQ(shelf(product).free, 200);
  order("1", rejected(RejectionReason::out_of_stock));
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(Stock, all_short_products_are_named) {
  order("1", validated({{"85123A", 300}, {"71053", 201}, {"84406B", 8}, {"22423", 999}}));
  const auto events = driver_.read<RequestId, StockEvent>(stock_topic);
  ASSERT_THAT(events, SizeIs(1));
  std::map<std::string, std::int64_t> wanted;
  for (const Shortage& shortage : std::get<StockRefused>(events[0].value).shortages)
    wanted[shortage.product.text] = shortage.wanted;
  EXPECT_THAT(wanted, ElementsAre(std::pair("22423", 999), std::pair("71053", 201),
                                  std::pair("85123A", 300)));
}

TEST_F(
    Stock,
    a_product_on_several_lines_is_reserved_line_by_line_and_short_when_all_of_them_are_too_many) {
  order("1", validated({{"85123A", 90}, {"85123A", 80}}));
  EXPECT_EQ(shelf("85123A").reserved, 170);
  EXPECT_THAT(changes(), ElementsAre("opened 85123A 200", "reserved 85123A 90",
                                     "reserved 85123A 80", "ordered 85123A 500"));
  order("2", validated({{"71053", 150}, {"71053", 51}}));
  const auto events = driver_.read<RequestId, StockEvent>(stock_topic);
  const auto& refused = std::get<StockRefused>(events.back().value);
  ASSERT_THAT(refused.shortages, SizeIs(1));
  EXPECT_EQ(refused.shortages[0].wanted, 201);
}

TEST_F(Stock, services_have_no_shelf_and_are_always_there) {
  order("1", validated({{"POST", 1'000'000}, {"M", 5}}));
  EXPECT_THAT(said(), ElementsAre("StockReserved 1"));
  EXPECT_THAT(changes(), IsEmpty());
  order("1", rejected(RejectionReason::payment_declined));
  EXPECT_THAT(said(), ElementsAre("StockReleased 1"));
}

TEST_F(Stock, product_codes_are_case_sensitive) {
  order("1", validated({{"85123A", 6}, {"85123a", 2}}));
  EXPECT_EQ(shelf("85123A").reserved, 6);
  EXPECT_EQ(shelf("85123a").reserved, 2);
}

TEST_F(Stock, a_rejected_order_gives_its_reservations_back_once) {
  order("1", validated({{"85123A", 6}, {"71053", 4}}));
  order("1", rejected(RejectionReason::packing_failed));
  order("1", rejected(RejectionReason::packing_failed));
  EXPECT_THAT(said(), ElementsAre("StockReserved 1", "StockReleased 1"));
  EXPECT_EQ(shelf("85123A").free, 200);
  EXPECT_EQ(shelf("71053").reserved, 0);
}

TEST_F(Stock, a_return_goes_back_on_the_shelf_and_opens_one_when_there_is_none) {
  order("C1", accepted({{"85123A", 6}, {"71053", 4}}));
  EXPECT_THAT(said(), ElementsAre("GoodsTakenBack C1"));
  EXPECT_EQ(shelf("85123A").free, 206);
  EXPECT_EQ(shelf("71053").taken_back, 4);
  order("C2", accepted({{"POST", 1}}));
  EXPECT_THAT(said(), ElementsAre("GoodsTakenBack C2"));
}

TEST_F(Stock, a_write_off_takes_at_most_what_is_free_and_is_recorded_once) {
  order("1", validated({{"85123A", 150}}));
  said();
  for (int i = 0; i < 2; ++i)
    write_off("536589", {{"85123A", 80, 0}});
  const auto events = driver_.read<RequestId, StockEvent>(stock_topic);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<StockWrittenOff>(events[0].value).asked, 80);
  EXPECT_EQ(std::get<StockWrittenOff>(events[0].value).taken, 50);
  EXPECT_EQ(shelf("85123A").free, 0);
  EXPECT_EQ(shelf("85123A").reserved, 150);
}

TEST_F(Stock, a_write_off_of_a_service_takes_nothing) {
  write_off("1", {{"gift_0001", 5, 0}});
  EXPECT_THAT(said(), ElementsAre("StockWrittenOff 1"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(Stock, a_senseless_write_off_is_dead_lettered) {
  write_off("1", {{"85123A", -5, 0}});
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_THAT(driver_.read_raw("stock.dead-letters"), SizeIs(1));
}

TEST_F(Stock, a_command_that_no_shelf_can_carry_out_is_dead_lettered_whole) {
  order("1", validated({{"85123A", 6}}));
  said();
  changes();
  for (const auto& [action, quantity] :
       {std::pair{stock::ShelfAction::take_back, INT64_MAX},
        std::pair{stock::ShelfAction::take_back, std::int64_t{-1'000}},
        std::pair{stock::ShelfAction::reserve, std::int64_t{-1'000}}}) {
    millrace::testkit::RawRecord record;
    record.key = "2";
    record.timestamp_ms = day(0);
    record.partition = millrace::partition_of("85123A", 4);
    const stock::ShelfCommand command{
        action, record.partition, {{0, {"85123A"}, 1}, {1, {"85123A"}, quantity}}};
    record.value.emplace();
    millrace::codec::encode_binary(millrace::codec::type_info<stock::ShelfCommand>(), &command,
                                   *record.value);
    driver_.pipe_raw("stock.shelf-commands", record);
    driver_.run_until_idle();
    EXPECT_THAT(driver_.read_raw("stock.dead-letters"), SizeIs(1)) << quantity;
    EXPECT_EQ(shelf("85123A").free, 194);
    EXPECT_THAT(changes(), IsEmpty());
  }
  order("3", validated({{"85123A", 5}}));
  EXPECT_THAT(said(), ElementsAre("StockReserved 3"));
}

TEST_F(Stock, a_senseless_quantity_in_the_topic_is_dead_lettered_and_no_shelf_changes) {
  constexpr std::int64_t largest = std::int64_t{1} << 53;
  for (const std::int64_t quantity :
       {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1'000'000'001}, -largest, largest}) {
    order("1", validated({{"85123A", 2, 0}, {"85123A", quantity, 0}}));
    order("C1", accepted({{"85123A", 2, 0}, {"85123A", quantity, 0}}));
    const auto letters = driver_.read_raw("stock.dead-letters");
    ASSERT_THAT(letters, SizeIs(2)) << quantity;
    EXPECT_EQ(letters[0].header("dl-reason"), "lines[1].quantity: must be from 1 to 1000000000");
    EXPECT_THAT(said(), IsEmpty());
    EXPECT_THAT(changes(), IsEmpty());
  }
  order("2", validated({{"85123A", 5}}));
  EXPECT_THAT(said(), ElementsAre("StockReserved 2"));
}

TEST_F(Stock, goods_are_ordered_below_fifty_and_arrive_after_two_days_of_stream_time) {
  order("1", validated({{"85123A", 150}}), day(0));
  EXPECT_EQ(shelf("85123A").on_order, 0) << "50 are enough";
  order("2", validated({{"85123A", 1}}), day(0));
  EXPECT_EQ(shelf("85123A").on_order, 500);
  order("3", validated({{"85123A", 100}}), day(2) - 1);
  EXPECT_EQ(shelf("85123A").on_order, 500) << "one order at a time, and it is not here yet";
  order("4", validated({{"85123A", 100}}), day(2));
  EXPECT_EQ(shelf("85123A").on_order, 0);
  EXPECT_EQ(shelf("85123A").arrived, 500);
  EXPECT_THAT(said(), ElementsAre("StockReserved 1", "StockReserved 2", "StockRefused 3",
                                  "StockReserved 4"));
}

TEST_F(AmpleStock, shelves_open_with_a_million_and_nothing_is_ordered) {
  order("1", validated({{"85123A", 999'999}}));
  EXPECT_EQ(shelf("85123A").free, 1);
  EXPECT_EQ(shelf("85123A").on_order, 0);
}

TEST_F(Stock, a_crash_at_any_step_reserves_once) {
  driver_.pipe(orders_topic, id("1"),
               validated({{"85123A", 6}, {"71053", 4}, {"84406B", 8}, {"22423", 1}}), day(0));
  for (bool worked = true; worked;) {
    driver_.crash_and_restart();
    const auto result = driver_.step();
    ASSERT_TRUE(result) << result.error().to_string();
    worked = said().empty();
  }
  driver_.run_until_idle();
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(shelf("85123A").reserved, 6);
  EXPECT_EQ(shelf("22423").reserved, 1);
}

TEST(StockTopology, gathers_over_64_partitions_at_most) {
  EXPECT_TRUE(stock::topology({StockMode::scarce, 64}));
  EXPECT_FALSE(stock::topology({StockMode::scarce, 65}));
}

}  // namespace
}  // namespace retail
