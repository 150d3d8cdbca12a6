// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>

#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using millrace::stream::RequestEntry;
using millrace::stream::RequestState;
using storefront::Outcome;
using storefront::RequestKind;
using storefront::RequestStatus;
using storefront::RequestView;
using testing::IsEmpty;
using testing::SizeIs;

class Storefront : public testing::Test {
 protected:
  Storefront() : driver_(sound(storefront::topology(scarce))) {
    driver_.declare_topic(orders_topic, "orders");
    driver_.declare_topic(stock_topic, "stock");
    for (const std::string service : {"orders", "stock", "payments", "shipments"})
      driver_.declare_topic(service + ".dead-letters", service);
    driver_.declare_topic(revenue_topic, "insights");
    driver_.declare_topic(products_topic, "insights");
    driver_.run_until_idle();
  }
  /// Asks over HTTP; returns the id of the event that it becomes, or became before.
  template <class E>
  std::string ask(const std::string& name, const E& event) {
    driver_.pipe(asked_topic, name, asked(id(name), event), day(0));
    driver_.run_until_idle();
    for (const millrace::testkit::RawRecord& record : driver_.read_raw(requests_topic)) {
      ++published_;
      if (record.key != name) continue;
      request_ids_[name] = record.header("ce_requestid");
      events_[name] = record.header("ce_id");
    }
    return events_[name];
  }
  /// What is kept of a request for those who ask again.
  RequestEntry entry(const std::string& name) {
    return driver_.store<std::string, RequestEntry>("requests").get(name).value_or(RequestEntry{});
  }
  /// An event of orders or stock, as a service writes it that was asked by `name`.
  template <class Event>
  void step(const char* topic, const std::string& name, const Event& event) {
    millrace::testkit::RawRecord record;
    record.key = name;
    record.value = millrace::codec::to_json(event);
    record.headers = {{"ce_id", name + "." + std::to_string(++steps_)},
                      {"ce_source", "/test"},
                      {"ce_specversion", "1.0"},
                      {"ce_type", std::string(millrace::codec::event_type(
                                      millrace::codec::type_info<Event>(), &event))}};
    if (const auto asked_as = request_ids_.find(name); asked_as != request_ids_.end())
      record.headers.emplace_back("ce_requestid", asked_as->second);
    record.timestamp_ms = day(0);
    driver_.pipe_raw(topic, record);
    driver_.run_until_idle();
  }
  /// A dead letter of a service about an event of a topic; an event without a type is private.
  void letter(const std::string& service, const std::string& name, const std::string& topic,
              const std::string& type, const std::string& event = "x", std::int32_t partition = 2) {
    millrace::testkit::RawRecord record;
    record.key = name;
    record.value = "\x01\xff no JSON";
    record.headers = {{"dl-topic", topic}, {"dl-reason", "bad"}};
    if (type.empty()) {
      record.headers.emplace_back("cx", "\xff");
    } else {
      record.headers.insert(record.headers.end(), {{"ce_id", event},
                                                   {"ce_source", "/" + service},
                                                   {"ce_specversion", "1.0"},
                                                   {"ce_type", type}});
    }
    const auto asked_as = request_ids_.find(name);
    if (asked_as != request_ids_.end() && event != "another")
      record.headers.emplace_back("ce_requestid", asked_as->second);
    record.timestamp_ms = day(0);
    record.partition = partition;
    driver_.pipe_raw(service + ".dead-letters", record);
    driver_.run_until_idle();
  }
  storefront::OutcomeCounts counts() {
    storefront::OutcomeCounts sum;
    for (const auto& [key, part] :
         driver_.store<std::string, storefront::OutcomeCounts>(storefront::outcomes_store).all()) {
      sum.dead_lettered += part.dead_lettered;
      sum.replaced += part.replaced;
    }
    return sum;
  }
  template <class Event>
  void order(const std::string& name, const Event& event) {
    step(orders_topic, name, event);
  }
  RequestView view(const std::string& name) {
    return driver_.store<RequestId, RequestView>(storefront::status_store)
        .get(id(name))
        .value_or(RequestView{});
  }

  std::map<std::string, std::string> request_ids_;  // ce_requestid, by name
  std::map<std::string, std::string> events_;
  int published_ = 0;
  int steps_ = 0;
  const OrderRequested order_ = request<OrderRequested>({{"85123A", 6, 2'550}}, 77);
  millrace::testkit::TopologyDriver driver_;
};

TEST_F(Storefront, an_order_is_followed_from_request_to_completion) {
  ask("1", order_);
  EXPECT_EQ(view("1").status, RequestStatus::requested);
  EXPECT_EQ(view("1").kind, RequestKind::order);
  EXPECT_EQ(view("1").body_hash, 77U);
  EXPECT_EQ(view("1").outcome, Outcome::pending);
  order("1", validated({{"85123A", 6, 2'550}}));
  EXPECT_EQ(view("1").total_milli, Money{15'300});
  EXPECT_EQ(entry("1").state, RequestState::pending);
  order("1", OrderConfirmed{{"France"}, {15'300}});
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::confirmed);
  EXPECT_EQ(entry("1").state, RequestState::ended);
  EXPECT_EQ(entry("1").type, "OrderConfirmed");
  EXPECT_EQ(entry("1").outcome, R"({"country":"France","total_milli":15300})");
  order("1", OrderCompleted{});
  EXPECT_EQ(view("1").status, RequestStatus::completed);
  EXPECT_EQ(entry("1").type, "OrderConfirmed") << "the first outcome counts";
}

TEST_F(Storefront, the_first_answer_stays_though_packing_fails_later) {
  ask("1", order_);
  order("1", OrderConfirmed{});
  order("1", rejected(RejectionReason::packing_failed));
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::rejected);
  EXPECT_EQ(view("1").reason, "packing_failed");
  EXPECT_EQ(entry("1").type, "OrderConfirmed");
}

TEST_F(Storefront, a_rejection_is_shown_with_what_was_short) {
  ask("1", order_);
  order("1", OrderRejected{RejectionReason::out_of_stock, {"France"}, {1}, {{{"85123A"}, 6, 2}}});
  EXPECT_EQ(view("1").outcome, Outcome::rejected);
  EXPECT_EQ(view("1").reason, "out_of_stock");
  ASSERT_THAT(view("1").shortages, SizeIs(1));
  EXPECT_EQ(view("1").shortages[0].free, 2);
  EXPECT_EQ(entry("1").type, "OrderRejected");
}

TEST_F(Storefront, a_dead_letter_is_shown_with_its_reason_and_place) {
  const std::string request = ask("A1", order_);
  letter("orders", "A1", requests_topic, "OrderRequested", request, 3);
  EXPECT_EQ(view("A1").outcome, Outcome::dead_lettered);
  EXPECT_EQ(view("A1").status, RequestStatus::dead_lettered);
  EXPECT_EQ(view("A1").reason, "bad");
  EXPECT_EQ(view("A1").letter, "orders.dead-letters-3:0");
  EXPECT_EQ(entry("A1").state, RequestState::dead_lettered);
  EXPECT_EQ(entry("A1").outcome, "bad");
  EXPECT_EQ(entry("A1").letter, "orders.dead-letters-3:0");
}

TEST_F(Storefront, a_dead_letter_of_any_step_is_an_outcome_whatever_it_holds) {
  const std::tuple<const char*, const char*, const char*> letters[] = {
      {"stock", orders_topic, "OrderValidated"},     {"stock", "stock.shelf-commands", ""},
      {"payments", orders_topic, "OrderValidated"},  {"payments", stock_topic, "StockReserved"},
      {"orders", payments_topic, "PaymentReceived"}, {"orders", stock_topic, "StockRefused"}};
  int number = 0;
  for (const auto& [service, topic, type] : letters) {
    const std::string name = std::to_string(++number);
    ask(name, order_);
    order(name, validated({{"85123A", 6, 2'550}}));
    letter(service, name, topic, type, "x", number % 4);
    EXPECT_EQ(view(name).outcome, Outcome::dead_lettered) << service << " " << topic;
    EXPECT_EQ(view(name).reason, "bad");
  }
  EXPECT_EQ(counts().dead_lettered, 6);
  EXPECT_THAT(driver_.read_raw("storefront.dead-letters"), IsEmpty());
}

TEST_F(Storefront, a_letter_of_another_request_under_the_id_changes_nothing) {
  ask("1", order_);
  letter("orders", "1", requests_topic, "OrderRequested", "another");
  EXPECT_EQ(view("1").outcome, Outcome::pending);
  EXPECT_EQ(view("1").status, RequestStatus::requested);
}

TEST_F(Storefront, a_real_outcome_after_a_replay_replaces_the_letter_and_is_counted) {
  ask("1", order_);
  letter("stock", "1", orders_topic, "OrderValidated");
  // Read late, this is what the letter is about.
  order("1", validated({{"85123A", 6, 2'550}}));
  EXPECT_EQ(view("1").status, RequestStatus::dead_lettered);
  EXPECT_EQ(counts().replaced, 0);
  order("1", OrderConfirmed{});
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::confirmed);
  EXPECT_EQ(view("1").reason, "");
  EXPECT_EQ(view("1").letter, "");
  EXPECT_EQ(counts().dead_lettered, 1);
  EXPECT_EQ(counts().replaced, 1);
  EXPECT_EQ(entry("1").state, RequestState::ended);
  EXPECT_TRUE(entry("1").replaced);
}

TEST_F(Storefront, a_letter_that_is_read_after_its_replay_changes_nothing) {
  ask("1", order_);
  order("1", OrderConfirmed{});
  letter("stock", "1", orders_topic, "OrderValidated");
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::confirmed);
  order("1", OrderCompleted{});
  letter("shipments", "1", orders_topic, "OrderConfirmed");
  EXPECT_EQ(view("1").status, RequestStatus::completed);
  EXPECT_EQ(counts().dead_lettered, 0);
}

TEST_F(Storefront, a_letter_of_what_follows_the_answer_is_shown_and_leaves_the_answer) {
  ask("1", order_);
  order("1", OrderConfirmed{});
  letter("shipments", "1", orders_topic, "OrderConfirmed");
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::dead_lettered);
  EXPECT_EQ(view("1").letter, "shipments.dead-letters-2:0");
  order("1", OrderCompleted{});
  EXPECT_EQ(view("1").status, RequestStatus::completed);
}

TEST_F(Storefront, the_request_that_orders_took_is_the_one_that_is_shown) {
  ask("1", request<WriteOffRequested>({{"85123A", 9, 0}}, 5));
  millrace::testkit::RawRecord taken;
  taken.key = "1";
  taken.value = R"({"country":"France","total_milli":7,"lines":[]})";
  taken.headers = {{"ce_id", "orders-1"},
                   {"ce_source", "/orders"},
                   {"ce_specversion", "1.0"},
                   {"ce_type", "OrderValidated"},
                   {"causationid", "the other"}};
  taken.timestamp_ms = day(0);
  driver_.pipe_raw(orders_topic, taken);
  driver_.run_until_idle();
  EXPECT_EQ(view("1").kind, RequestKind::order);
  EXPECT_EQ(view("1").request, "the other");
  EXPECT_EQ(view("1").total_milli, Money{7});
}

TEST_F(Storefront, the_first_request_under_an_id_is_the_one_that_counts) {
  ask("1", order_);
  ask("1", request<OrderRequested>({{"22423", 1}}, 78));
  EXPECT_EQ(view("1").body_hash, 77U);
  EXPECT_EQ(published_, 1) << "the second is not published";
}

TEST_F(Storefront, events_seen_before_the_request_are_not_undone_by_it) {
  order("1", OrderConfirmed{});
  ask("1", order_);
  EXPECT_EQ(view("1").status, RequestStatus::confirmed);
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").body_hash, 77U);
}

TEST_F(Storefront, returns_and_write_offs_are_followed) {
  ask("C1", request<ReturnRequested>({{"85123A", 1, 2'550}}));
  order("C1", accepted({{"85123A", 1, 2'550}}));
  EXPECT_EQ(view("C1").status, RequestStatus::accepted);
  order("C1", ReturnCompleted{});
  EXPECT_EQ(view("C1").outcome, Outcome::granted);
  EXPECT_EQ(view("C1").total_milli, Money{2'550});
  ask("2", request<WriteOffRequested>({{"85123A", 9, 0}}));
  step(stock_topic, "2", StockWrittenOff{9, 4});
  EXPECT_EQ(entry("2").type, "StockWrittenOff");
  EXPECT_EQ(view("2").kind, RequestKind::write_off);
  EXPECT_EQ(view("2").status, RequestStatus::recorded);
  EXPECT_EQ(view("2").taken, 4);
}

TEST_F(Storefront, insights_are_kept_by_country_and_by_product) {
  driver_.pipe(revenue_topic, Country{"France"}, RevenueEvent(RevenueChanged{{10}, {1}, 1}),
               day(0));
  driver_.pipe(revenue_topic, Country{"France"},
               RevenueEvent(DailyRevenueChanged{"2010-12-01", {99}, {}, 9}), day(0));
  driver_.pipe(revenue_topic, Country{"France"}, RevenueEvent(RevenueChanged{{30}, {1}, 2}),
               day(0));
  driver_.pipe(products_topic, ProductCode{"85123A"}, ProductSalesChanged{6, {15'300}, 1}, day(0));
  driver_.run_until_idle();
  const auto france =
      driver_.store<Country, RevenueChanged>(storefront::revenue_store).get({"France"});
  ASSERT_TRUE(france);
  EXPECT_EQ(france->revenue_milli, Money{30});
  EXPECT_EQ(france->orders, 2);
  EXPECT_EQ((driver_.store<ProductCode, ProductSalesChanged>(storefront::products_store)
                 .get({"85123A"})
                 ->units),
            6);
}

// In the log of an earlier build, whose sums were numbers.
TEST_F(Storefront, insights_of_earlier_builds_are_shown) {
  const auto pipe = [&](const char* topic, const char* key, const char* type, const char* value) {
    millrace::testkit::RawRecord record;
    record.key = key;
    record.value = value;
    record.headers = {
        {"ce_id", "1"}, {"ce_source", "/insights"}, {"ce_type", type}, {"ce_specversion", "1.0"}};
    record.timestamp_ms = day(0);
    driver_.pipe_raw(topic, record);
  };
  pipe(revenue_topic, "France", "RevenueChanged",
       R"({"revenue_milli":30,"refunds_milli":-1,"orders":2})");
  pipe(products_topic, "85123A", "ProductSalesChanged",
       R"({"units":6,"revenue_milli":15300,"lines":1})");
  driver_.run_until_idle();
  const auto france =
      driver_.store<Country, RevenueChanged>(storefront::revenue_store).get({"France"});
  ASSERT_TRUE(france);
  EXPECT_EQ(france->revenue_milli, Money{30});
  EXPECT_EQ(france->refunds_milli, Money{-1});
  const auto product =
      driver_.store<ProductCode, ProductSalesChanged>(storefront::products_store).get({"85123A"});
  ASSERT_TRUE(product);
  EXPECT_EQ(product->units, 6);
  EXPECT_EQ(product->revenue_milli, Money{15'300});
}

TEST_F(Storefront, what_is_shown_survives_a_crash) {
  ask("1", order_);
  order("1", OrderConfirmed{});
  driver_.crash_and_restart();
  driver_.run_until_idle();
  EXPECT_EQ(view("1").outcome, Outcome::granted);
}

TEST(BestSellers, are_the_first_by_pieces_with_ties_by_code) {
  const auto best = storefront::best_sellers(
      {{{"b"}, {5, {}, 1}}, {{"c"}, {7, {}, 1}}, {{"a"}, {5, {}, 1}}, {{"d"}, {1, {}, 1}}}, 3);
  ASSERT_THAT(best, SizeIs(3));
  EXPECT_EQ(best[0].first.text + best[1].first.text + best[2].first.text, "cab");
  EXPECT_THAT(storefront::best_sellers({}, 3), IsEmpty());
}

}  // namespace
}  // namespace retail
