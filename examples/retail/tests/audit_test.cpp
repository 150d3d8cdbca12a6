// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/terminal_text.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/tests/builders.hpp"
#include "retail/tests/retail_world.hpp"

namespace retail {
namespace {

using namespace test;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A system at rest whose audit holds; each test then adds one fact that must not be.
class Audit : public testing::Test {
 protected:
  Audit() : invoices_(some_invoices(40)), retail_(5, ample) {
    retail_.run(invoices_);
    sound_ = retail_.audit();
  }
  template <class K, class V>
  void add(const char* topic, const K& key, const V& event) {
    retail_.world().write(topic, key, event, day(0));
  }
  void expect_violation(const std::string& text) {
    const AuditReport report = retail_.audit();
    EXPECT_FALSE(report.ok);
    EXPECT_THAT(report.violations, Contains(HasSubstr(text)));
    EXPECT_THAT(to_text(report), HasSubstr("does not hold"));
  }

  const std::vector<Invoice> invoices_;
  RetailWorld retail_;
  AuditReport sound_;
};

TEST_F(Audit, holds_for_a_system_at_rest) {
  EXPECT_THAT(sound_.violations, IsEmpty());
  EXPECT_TRUE(sound_.ok);
  EXPECT_THAT(to_json(sound_), HasSubstr("\"ok\":true"));
  EXPECT_THAT(to_text(sound_), HasSubstr("The audit holds."));
}

TEST_F(Audit, finds_a_request_that_is_not_final) {
  add(requests_topic, id("999999"), RequestEvent(request<OrderRequested>({{"85123A", 1}})));
  expect_violation("999999: not in a final state");
}

TEST_F(Audit, shows_no_control_character_of_an_id) {
  const std::string hostile = "x\x1b[2J\xc2\x9b\xe2\x80\xae\nThe audit holds.";
  add(requests_topic, id(hostile.c_str()), RequestEvent(request<OrderRequested>({{"85123A", 1}})));
  const std::string text = to_text(retail_.audit());
  EXPECT_THAT(text, HasSubstr("x\\x1b[2J\\u009b\\u202e\\nThe audit holds."));
  EXPECT_THAT(text, Not(HasSubstr("\nThe audit holds.")));
  EXPECT_TRUE(millrace::is_plain_text(text));
  EXPECT_TRUE(millrace::is_plain_text(to_json(retail_.audit())));
}

TEST_F(Audit, finds_a_payment_that_was_taken_twice) {
  add(payments_topic, id("536365"), PaymentEvent(PaymentReceived{{"United Kingdom"}, {139'120}}));
  expect_violation("536365: PaymentReceived 2 times, not 1");
  expect_violation("United Kingdom: completed orders");
}

TEST_F(Audit, finds_two_final_states) {
  add(orders_topic, id("536365"), rejected(RejectionReason::out_of_stock));
  expect_violation("536365: OrderRejected 1 times, not 0");
}

TEST_F(Audit, finds_events_of_nothing_that_was_asked_for) {
  add(stock_topic, id("999999"), StockEvent(StockReleased{1}));
  expect_violation("999999: there are events, but no request");
}

TEST_F(Audit, finds_a_chain_of_causes_that_does_not_lead_to_the_request) {
  add(requests_topic, id("999999"), RequestEvent(request<WriteOffRequested>({{"85123A", 1}})));
  add(stock_topic, id("999999"), StockEvent(StockWrittenOff{1, 0}));
  expect_violation("999999: the causes of StockWrittenOff do not lead back to the request");
}

TEST_F(Audit, finds_a_shelf_that_does_not_add_up) {
  ShelfChanged changed;
  changed.opened = 10;
  changed.free = 11;
  changed.quantity = 10;
  add(shelves_topic, ProductCode{"99999"}, changed);
  expect_violation("99999: free is not what the other numbers leave");
}

TEST_F(Audit, finds_a_shelf_below_nothing) {
  ShelfChanged changed;
  changed.change = ShelfChange::shipped;
  changed.shipped = 1;
  changed.free = -1;
  changed.quantity = 1;
  add(shelves_topic, ProductCode{"99999"}, changed);
  expect_violation("99999: free is -1");
}

TEST_F(Audit, finds_a_reservation_that_was_left_behind) {
  ShelfChanged changed;
  changed.opened = 10;
  changed.free = 10;
  changed.quantity = 10;
  add(shelves_topic, ProductCode{"99999"}, changed);
  changed.change = ShelfChange::reserved;
  changed.reserved = 4;
  changed.free = 6;
  changed.quantity = 4;
  add(shelves_topic, ProductCode{"99999"}, changed);
  expect_violation("shelf 99999: reserved is 4, should be 0");
}

TEST_F(Audit, finds_goods_that_left_without_an_order) {
  ShelfChanged changed;
  changed.opened = 10;
  changed.free = 10;
  changed.quantity = 10;
  add(shelves_topic, ProductCode{"99999"}, changed);
  changed.change = ShelfChange::reserved;
  changed.reserved = 4;
  changed.free = 6;
  changed.quantity = 4;
  add(shelves_topic, ProductCode{"99999"}, changed);
  changed.change = ShelfChange::shipped;
  changed.reserved = 0;
  changed.shipped = 4;
  add(shelves_topic, ProductCode{"99999"}, changed);
  expect_violation("shelf 99999: shipped is 4, should be 0");
}

TEST_F(Audit, finds_a_change_of_a_shelf_that_is_missing) {
  ShelfChanged changed;
  changed.opened = 10;
  changed.arrived = 5;
  changed.free = 15;
  changed.quantity = 10;
  add(shelves_topic, ProductCode{"99999"}, changed);
  expect_violation("99999: the level is not the one before and 10 opened");
}

TEST_F(Audit, finds_revenue_that_insights_counted_wrong) {
  add(revenue_topic, Country{"France"}, RevenueEvent(RevenueChanged{{1}, {}, 1}));
  expect_violation("France: revenue in insights 1, completed orders");
}

TEST_F(Audit, finds_sums_that_no_number_holds) {
  for (int i = 0; i < 1'024; ++i)
    add(payments_topic, id("536365"),
        PaymentEvent(PaymentReceived{{"France"}, {std::int64_t{1} << 53}}));
  expect_violation("a sum leaves the range of 64 bits");
}

/// The topics of the retail example, filled by hand.
class AuditByHand : public testing::Test {
 protected:
  AuditByHand() : broker_(clock_, true), writer_(broker_) {
    for (const std::string service : {"orders", "stock", "payments", "shipments"}) {
      writer_.declare_topic(service, service);
      writer_.declare_topic(service + ".dead-letters", service);
    }
    writer_.declare_topic(requests_topic, "storefront");
  }
  void write(const std::string& topic, const std::string& type, const std::string& value,
             std::vector<std::pair<std::string, std::optional<std::string>>> headers) {
    headers.insert(headers.end(),
                   {{"ce_source", "/x"}, {"ce_specversion", "1.0"}, {"ce_type", type}});
    millrace::testkit::RawRecord record;
    record.key = "1";
    record.value = value;
    record.headers = std::move(headers);
    writer_.write_raw(topic, record);
  }
  std::vector<std::string> violations() {
    const auto report = audit(*broker_.connect({}));
    EXPECT_TRUE(report);
    return report ? report->violations : std::vector<std::string>{};
  }

  millrace::ManualClock clock_;
  millrace::log::MemoryBroker broker_;
  millrace::testkit::EventWriter writer_;
};

TEST_F(AuditByHand, finds_a_request_that_a_dead_letter_of_a_later_step_has_stopped) {
  write(requests_topic, "OrderRequested", "{}", {{"ce_id", "r"}});
  write("stock.dead-letters", "OrderValidated", "{}",
        {{"ce_id", "v"}, {"dl-topic", "orders"}, {"dl-reason", "no shelf"}});
  EXPECT_THAT(violations(),
              Contains(testing::MatchesRegex("1: not in a final state, stopped by the dead letter "
                                             "stock.dead-letters-[0-3]@0, no shelf")));
}

TEST_F(AuditByHand, finds_an_outcome_of_a_request_that_was_not_the_first_under_its_id) {
  write(requests_topic, "OrderRequested", "{}", {{"ce_id", "first"}});
  write(requests_topic, "WriteOffRequested", "{}", {{"ce_id", "second"}});
  write(stock_topic, "StockWrittenOff", R"({"asked":1,"taken":0})",
        {{"ce_id", "w"}, {"causationid", "second"}});
  EXPECT_THAT(
      violations(),
      Contains("1: StockWrittenOff comes of a request that was not the first under its id"));
}

TEST(AuditText, has_every_digit_of_a_sum_and_its_sign) {
  AuditReport report;
  report.revenue_milli = {{"France", 10'000'000'000'000'001}};
  report.refunds_milli = {{"France", -500}};
  EXPECT_NE(to_json(report).find("10000000000000001"), std::string::npos) << to_json(report);
  EXPECT_TRUE(to_json(report).ends_with("]}") || to_json(report).ends_with("}}"))
      << to_json(report);
  EXPECT_NE(to_text(report).find("-0.500 in 1 countries"), std::string::npos) << to_text(report);
}

TEST(AuditOfNothing, names_the_topics_that_are_missing) {
  millrace::ManualClock clock;
  millrace::log::MemoryBroker broker(clock, true);
  const auto log = broker.connect({});
  const auto report = audit(*log);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->ok);
  EXPECT_THAT(report->violations, Contains("requests: there is no such topic"));
}

}  // namespace
}  // namespace retail
