// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using storefront::Outcome;
using storefront::RequestKind;
using storefront::RequestStatus;
using storefront::RequestView;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct Heard final : storefront::OutcomeListener {
  void outcome_known(const RequestId& request) override { ids.push_back(request.text); }
  std::vector<std::string> ids;
};

class Storefront : public testing::Test {
 protected:
  Storefront() : driver_(sound(storefront::topology(scarce, &heard_))) {
    driver_.declare_topic(orders_topic, "orders");
    driver_.declare_topic(stock_topic, "stock");
    driver_.declare_topic(orders_dead_letters_topic, "orders");
    driver_.declare_topic(revenue_topic, "insights");
    driver_.declare_topic(products_topic, "insights");
    driver_.run_until_idle();
  }
  template <class E>
  void ask(const std::string& name, const E& event) {
    driver_.pipe(requests_topic, id(name), RequestEvent(event), day(0));
    driver_.run_until_idle();
  }
  void order(const std::string& name, const OrderEvent& event) {
    driver_.pipe(orders_topic, id(name), event, day(0));
    driver_.run_until_idle();
  }
  RequestView view(const std::string& name) {
    return driver_.store<RequestId, RequestView>(storefront::status_store)
        .get(id(name))
        .value_or(RequestView{});
  }

  Heard heard_;
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
  EXPECT_THAT(heard_.ids, IsEmpty());
  order("1", OrderConfirmed{});
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::confirmed);
  order("1", OrderCompleted{});
  EXPECT_EQ(view("1").status, RequestStatus::completed);
  EXPECT_THAT(heard_.ids, ElementsAre("1"));
}

TEST_F(Storefront, the_first_answer_stays_though_packing_fails_later) {
  ask("1", order_);
  order("1", OrderConfirmed{});
  order("1", rejected(RejectionReason::packing_failed));
  EXPECT_EQ(view("1").outcome, Outcome::granted);
  EXPECT_EQ(view("1").status, RequestStatus::rejected);
  EXPECT_EQ(view("1").reason, "packing_failed");
}

TEST_F(Storefront, a_rejection_is_shown_with_what_was_short) {
  ask("1", order_);
  order("1", OrderRejected{RejectionReason::out_of_stock, {"France"}, {1}, {{{"85123A"}, 6, 2}}});
  EXPECT_EQ(view("1").outcome, Outcome::rejected);
  EXPECT_EQ(view("1").reason, "out_of_stock");
  ASSERT_THAT(view("1").shortages, SizeIs(1));
  EXPECT_EQ(view("1").shortages[0].free, 2);
}

TEST_F(Storefront, a_dead_letter_is_shown_with_its_reason) {
  ask("A1", order_);
  millrace::testkit::RawRecord letter;
  letter.key = "A1";
  letter.value = "{}";
  letter.headers = {{"ce_id", "x"},
                    {"ce_source", "/storefront"},
                    {"ce_specversion", "1.0"},
                    {"ce_type", "OrderRequested"},
                    {"dl-reason", "not a sale"}};
  letter.timestamp_ms = day(0);
  driver_.pipe_raw(orders_dead_letters_topic, letter);
  driver_.run_until_idle();
  EXPECT_EQ(view("A1").outcome, Outcome::dead_lettered);
  EXPECT_EQ(view("A1").status, RequestStatus::dead_lettered);
  EXPECT_EQ(view("A1").reason, "not a sale");
  EXPECT_THAT(heard_.ids, ElementsAre("A1"));
}

TEST_F(Storefront, the_first_request_under_an_id_is_the_one_that_counts) {
  ask("1", order_);
  ask("1", request<OrderRequested>({{"22423", 1}}, 78));
  EXPECT_EQ(view("1").body_hash, 77U);
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
  driver_.pipe(stock_topic, id("2"), StockEvent(StockWrittenOff{9, 4}), day(0));
  driver_.run_until_idle();
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
