// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/payments/topology.hpp"
#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Payments : public testing::Test {
 protected:
  explicit Payments(const Settings& settings = scarce)
      : driver_(sound(payments::topology(settings))) {
    driver_.declare_topic(orders_topic, "orders");
    driver_.declare_topic(stock_topic, "stock");
  }
  void order(const std::string& name, const OrderEvent& event) {
    driver_.pipe(orders_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  void stock(const std::string& name, const StockEvent& event) {
    driver_.pipe(stock_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  std::vector<std::string> said() { return story(driver_, payments_topic); }

  millrace::testkit::TopologyDriver driver_;
};

class AmplePayments : public Payments {
 protected:
  AmplePayments() : Payments(ample) {}
};

TEST_F(Payments, the_total_is_charged_once_stock_is_reserved_whichever_is_seen_first) {
  order("1", validated({{"85123A", 2, 1'500}}));
  EXPECT_THAT(said(), IsEmpty());
  stock("1", StockReserved{1});
  stock("2", StockReserved{1});
  order("2", validated({{"85123A", 3, 1'500}}));
  const auto events = driver_.read<RequestId, PaymentEvent>(payments_topic);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(std::get<PaymentReceived>(events[0].value).amount_milli, Money{3'000});
  EXPECT_EQ(std::get<PaymentReceived>(events[1].value).amount_milli, Money{4'500});
}

TEST_F(Payments, a_total_of_nothing_is_received_too) {
  order("1", validated({{"85123A", 2, 0}}));
  stock("1", StockReserved{1});
  EXPECT_THAT(said(), ElementsAre("PaymentReceived 1"));
}

TEST_F(Payments, totals_above_two_thousand_pounds_are_declined_and_exactly_that_is_not) {
  order("1", validated({{"85123A", 1, 2'000'001}}));
  stock("1", StockReserved{1});
  order("2", validated({{"85123A", 1, 2'000'000}}));
  stock("2", StockReserved{1});
  EXPECT_THAT(said(), ElementsAre("PaymentDeclined 1", "PaymentReceived 2"));
}

TEST_F(AmplePayments, nothing_is_declined) {
  order("1", validated({{"85123A", 1, 99'000'000}}));
  stock("1", StockReserved{1});
  EXPECT_THAT(said(), ElementsAre("PaymentReceived 1"));
}

TEST_F(Payments, a_rejected_order_gets_back_what_it_was_charged_and_only_that) {
  order("1", validated({{"85123A", 2, 1'500}}));
  stock("1", StockReserved{1});
  order("1", rejected(RejectionReason::packing_failed));
  order("1", rejected(RejectionReason::packing_failed));
  const auto events = driver_.read<RequestId, PaymentEvent>(payments_topic);
  ASSERT_THAT(events, SizeIs(2));
  const auto& refund = std::get<PaymentRefunded>(events[1].value);
  EXPECT_EQ(refund.kind, RefundKind::rollback);
  EXPECT_EQ(refund.amount_milli, Money{3'000});
}

TEST_F(Payments, a_customer_who_was_not_charged_gets_nothing_back) {
  order("1", validated({{"85123A", 2, 1'500}}));
  order("1", rejected(RejectionReason::out_of_stock));
  order("2", validated({{"85123A", 1, 2'000'001}}));
  stock("2", StockReserved{1});
  order("2", rejected(RejectionReason::payment_declined));
  EXPECT_THAT(said(), ElementsAre("PaymentDeclined 2"));
}

TEST_F(Payments, a_return_is_credited_once) {
  order("C1", accepted({{"85123A", 2, 1'500}}));
  order("C1", accepted({{"85123A", 2, 1'500}}));
  const auto events = driver_.read<RequestId, PaymentEvent>(payments_topic);
  ASSERT_THAT(events, SizeIs(1));
  const auto& refund = std::get<PaymentRefunded>(events[0].value);
  EXPECT_EQ(refund.kind, RefundKind::credit_note);
  EXPECT_EQ(refund.amount_milli, Money{3'000});
}

TEST_F(Payments, a_crash_between_total_and_reservation_charges_once) {
  order("1", validated({{"85123A", 2, 1'500}}));
  driver_.crash_and_restart();
  stock("1", StockReserved{1});
  driver_.crash_and_restart();
  driver_.run_until_idle();
  EXPECT_THAT(said(), ElementsAre("PaymentReceived 1"));
}

}  // namespace
}  // namespace retail
