// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/orders/topology.hpp"
#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Orders : public testing::Test {
 protected:
  Orders() : driver_(sound(orders::topology(scarce))) {
    driver_.declare_topic(requests_topic, "storefront");
    driver_.declare_topic(stock_topic, "stock");
    driver_.declare_topic(payments_topic, "payments");
    driver_.declare_topic(shipments_topic, "shipments");
  }
  template <class E>
  void ask(const std::string& name, const E& event) {
    driver_.pipe(requests_topic, id(name), RequestEvent(event), day(0));
    driver_.run_until_idle();
  }
  void stock(const std::string& name, const StockEvent& event) {
    driver_.pipe(stock_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  void payments(const std::string& name, const PaymentEvent& event) {
    driver_.pipe(payments_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  void shipments(const std::string& name, const ShipmentEvent& event) {
    driver_.pipe(shipments_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  std::vector<std::string> said() { return story(driver_, orders_topic); }
  orders::OrderState state(const std::string& name) {
    return driver_.store<RequestId, orders::OrderState>(orders::orders_store)
        .get(id(name))
        .value_or(orders::OrderState{});
  }
  orders::Progress progress() {
    orders::Progress sum;
    for (const auto& [key, part] :
         driver_.store<std::string, orders::Progress>(orders::progress_store).all()) {
      sum.open += part.open;
      sum.completed += part.completed;
      sum.rejected += part.rejected;
      sum.returned += part.returned;
      sum.dead_lettered += part.dead_lettered;
      sum.repeated += part.repeated;
      sum.written_off += part.written_off;
    }
    return sum;
  }

  const OrderRequested order_ =
      request<OrderRequested>({{"85123A", 6, 2'550}, {"POST", 1, 18'000}});
  millrace::testkit::TopologyDriver driver_;
};

TEST_F(Orders, an_order_that_all_goes_well_with_is_validated_confirmed_and_completed) {
  ask("1", order_);
  stock("1", StockReserved{1});
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1"));
  payments("1", PaymentReceived{{"France"}, {33'300}});
  EXPECT_THAT(said(), ElementsAre("OrderConfirmed 1"));
  EXPECT_EQ(progress().open, 1);
  shipments("1", OrderPackaged{});
  shipments("1", OrderDispatched{});
  EXPECT_THAT(said(), ElementsAre("OrderCompleted 1"));
  EXPECT_TRUE(state("1").final);
  EXPECT_EQ(progress().open, 0);
  EXPECT_EQ(progress().completed, 1);
}

TEST_F(Orders, totals_are_exact_and_carried_on) {
  ask("1", order_);
  const auto events = driver_.read<RequestId, OrderEvent>(orders_topic);
  ASSERT_THAT(events, SizeIs(1));
  const auto& validated = std::get<OrderValidated>(events[0].value);
  EXPECT_EQ(validated.total_milli, Money{6 * 2'550 + 18'000});
  EXPECT_EQ(validated.country.name, "France");
  ASSERT_THAT(validated.lines, SizeIs(2));
  EXPECT_EQ(validated.lines[1].product.text, "POST");
  EXPECT_EQ(events[0].raw.timestamp_ms, day(0));
}

TEST_F(Orders, an_event_names_the_request_as_its_cause) {
  const std::string cause =
      driver_.pipe(requests_topic, id("1"), RequestEvent(order_), day(0), "order-1");
  driver_.run_until_idle();
  const auto events = driver_.read_raw(orders_topic);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].header("ce_causationid"), cause);
  EXPECT_EQ(events[0].header("ce_correlationid"), "order-1");
}

TEST_F(Orders, an_order_out_of_stock_is_rejected_and_final_at_once) {
  ask("1", order_);
  stock("1", StockRefused{{{{"85123A"}, 6, 2}}});
  const auto events = driver_.read<RequestId, OrderEvent>(orders_topic);
  ASSERT_THAT(events, SizeIs(2));
  const auto& rejected = std::get<OrderRejected>(events[1].value);
  EXPECT_EQ(rejected.reason, RejectionReason::out_of_stock);
  ASSERT_THAT(rejected.shortages, SizeIs(1));
  EXPECT_EQ(rejected.shortages[0].free, 2);
  EXPECT_TRUE(state("1").final);
  EXPECT_EQ(progress().rejected, 1);
}

TEST_F(Orders, a_declined_payment_rejects_and_is_final_when_the_stock_is_released) {
  ask("1", order_);
  stock("1", StockReserved{1});
  payments("1", PaymentDeclined{{"France"}, {33'300}, {1}});
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1", "OrderRejected 1"));
  EXPECT_FALSE(state("1").final);
  stock("1", StockReleased{1});
  EXPECT_TRUE(state("1").final);
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(state("1").reason, "payment_declined");
}

TEST_F(Orders, failed_packing_is_final_when_stock_and_money_are_back_in_either_order) {
  for (const bool money_first : {true, false}) {
    const std::string name = money_first ? "1" : "2";
    ask(name, order_);
    payments(name, PaymentReceived{{"France"}, {33'300}});
    shipments(name, PackagingFailed{"too large"});
    EXPECT_EQ(state(name).phase, orders::Phase::rejected);
    if (money_first) payments(name, PaymentRefunded{RefundKind::rollback, {"France"}, {33'300}});
    if (!money_first) stock(name, StockReleased{1});
    EXPECT_FALSE(state(name).final);
    if (money_first) stock(name, StockReleased{1});
    if (!money_first) payments(name, PaymentRefunded{RefundKind::rollback, {"France"}, {33'300}});
    EXPECT_TRUE(state(name).final);
  }
  EXPECT_EQ(progress().rejected, 2);
  EXPECT_EQ(progress().open, 0);
}

TEST_F(Orders, payment_seen_before_the_reservation_confirms_once) {
  ask("1", order_);
  payments("1", PaymentReceived{{"France"}, {33'300}});
  stock("1", StockReserved{1});
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1", "OrderConfirmed 1"));
}

TEST_F(Orders, every_event_may_come_twice) {
  ask("1", order_);
  ask("1", order_);
  for (int i = 0; i < 2; ++i)
    payments("1", PaymentReceived{{"France"}, {33'300}});
  for (int i = 0; i < 2; ++i)
    shipments("1", OrderDispatched{});
  stock("1", StockReleased{1});
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1", "OrderConfirmed 1", "OrderCompleted 1"));
  EXPECT_EQ(progress().repeated, 1);
}

TEST_F(Orders, another_body_under_a_used_id_changes_nothing) {
  ask("1", order_);
  ask("1", request<OrderRequested>({{"22423", 100}}, 2));
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1"));
  EXPECT_EQ(state("1").body_hash, 1U);
}

TEST_F(Orders, the_first_request_under_an_id_wins_whatever_its_kind) {
  ask("1", request<WriteOffRequested>({{"85123A", 1}}, 1));
  EXPECT_THAT(said(), ElementsAre("WriteOffAccepted 1"));
  ask("1", request<OrderRequested>({{"85123A", 1}}, 2));
  ask("1", request<ReturnRequested>({{"85123A", 1}}, 3));
  EXPECT_THAT(said(), IsEmpty());
  ask("2", request<ReturnRequested>({{"85123A", 1}}, 1));
  ask("2", request<WriteOffRequested>({{"85123A", 1}}, 2));
  ask("2", request<OrderRequested>({{"85123A", 1}}, 3));
  EXPECT_THAT(said(), ElementsAre("ReturnAccepted 2"));
  EXPECT_EQ(progress().repeated, 4);
}

TEST_F(Orders, a_return_is_completed_when_goods_and_money_went_back_in_either_order) {
  const auto back = request<ReturnRequested>({{"85123A", 2, 2'550}});
  ask("C1", back);
  stock("C1", GoodsTakenBack{1});
  EXPECT_THAT(said(), ElementsAre("ReturnAccepted C1"));
  payments("C1", PaymentRefunded{RefundKind::credit_note, {"France"}, {5'100}});
  EXPECT_THAT(said(), ElementsAre("ReturnCompleted C1"));
  ask("C2", back);
  payments("C2", PaymentRefunded{RefundKind::credit_note, {"France"}, {5'100}});
  stock("C2", GoodsTakenBack{1});
  EXPECT_THAT(said(), ElementsAre("ReturnAccepted C2", "ReturnCompleted C2"));
  EXPECT_EQ(progress().returned, 2);
}

TEST_F(Orders, a_write_off_is_final_when_stock_has_recorded_it) {
  ask("1", request<WriteOffRequested>({{"85123A", 1, 0}}));
  EXPECT_EQ(progress().open, 1);
  for (int i = 0; i < 2; ++i)
    stock("1", StockWrittenOff{1, 1});
  EXPECT_TRUE(state("1").final);
  EXPECT_EQ(progress().open, 0);
  EXPECT_EQ(progress().written_off, 1);
  ask("2", request<WriteOffRequested>({{"85123A", -5, 0}}));
  EXPECT_THAT(said(), ElementsAre("WriteOffAccepted 1"));
  const auto letters = driver_.read_raw(orders_dead_letters_topic);
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(letters[0].header("dl-reason"), "lines[0].quantity: must be from 1 to 1000000000");
}

TEST_F(Orders, an_adjustment_is_no_sale_whatever_else_it_says) {
  ask("A563186", request<OrderRequested>({{"B", 1, -11'062'060}}));
  ask("A563187", request<OrderRequested>({}));
  EXPECT_THAT(said(), IsEmpty());
  const auto dead = driver_.read_raw(orders_dead_letters_topic);
  ASSERT_THAT(dead, SizeIs(2));
  for (const auto& letter : dead) {
    EXPECT_EQ(letter.header("dl-reason"), "not a sale");
    EXPECT_EQ(letter.header("ce_type"), "OrderRequested");
  }
  EXPECT_TRUE(state("A563186").final);
  EXPECT_EQ(progress().dead_lettered, 2);
  ask("A563186", request<OrderRequested>({{"B", 1, -11'062'060}}));
  EXPECT_THAT(driver_.read_raw(orders_dead_letters_topic), IsEmpty())
      << "asked for again, it stays buried once";
}

TEST_F(Orders, what_is_no_good_order_is_dead_lettered_with_the_field_named) {
  const std::pair<const char*, OrderRequested> cases[] = {
      {"lines: at least one is wanted", request<OrderRequested>({})},
      {"lines[1].quantity: must be from 1 to 1000000000",
       request<OrderRequested>({{"85123A", 1}, {"85123A", 0}})},
      {"lines[0].unit_price_milli: must not be negative",
       request<OrderRequested>({{"85123A", 1, -1}})},
      {"lines[0].product: must have 1 to 100 bytes", request<OrderRequested>({{"", 1}})},
      {"lines[0].unit_price_milli: the total is out of range",
       request<OrderRequested>({{"85123A", 1'000'000'000, std::int64_t{1} << 53}})},
  };
  int number = 0;
  for (const auto& [reason, order] : cases) {
    ask(std::to_string(++number), order);
    const auto dead = driver_.read_raw(orders_dead_letters_topic);
    ASSERT_THAT(dead, SizeIs(1)) << reason;
    EXPECT_EQ(dead[0].header("dl-reason"), reason);
  }
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(Orders, a_record_that_does_not_decode_is_dead_lettered_and_the_next_one_taken) {
  millrace::testkit::RawRecord poison;
  poison.key = "1";
  poison.value = "{\"lines\": 7";
  poison.headers = {{"ce_id", "x"},
                    {"ce_source", "/storefront"},
                    {"ce_specversion", "1.0"},
                    {"ce_type", "OrderRequested"}};
  poison.timestamp_ms = day(0);
  driver_.pipe_raw(requests_topic, poison);
  ask("1", order_);
  EXPECT_THAT(driver_.read_raw(orders_dead_letters_topic), SizeIs(1));
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1"));
}

TEST_F(Orders, a_crash_loses_nothing_and_doubles_nothing) {
  driver_.pipe(requests_topic, id("1"), RequestEvent(order_), day(0));
  driver_.crash_and_restart();
  driver_.run_until_idle();
  driver_.crash_and_restart();
  payments("1", PaymentReceived{{"France"}, {33'300}});
  driver_.crash_and_restart();
  shipments("1", OrderDispatched{});
  EXPECT_THAT(said(), ElementsAre("OrderValidated 1", "OrderConfirmed 1", "OrderCompleted 1"));
}

}  // namespace
}  // namespace retail
