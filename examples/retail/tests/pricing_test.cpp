// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/pricing/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "retail/tests/builders.hpp"

namespace retail {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

class Pricing : public testing::Test {
 protected:
  Pricing() : driver_(sound(pricing::topology(scarce))) {
    driver_.declare_topic(orders_topic, "orders");
  }
  /// `quantity` pieces of a product at 10.000 are asked for in a period.
  void ask(std::int64_t quantity, std::int64_t period, const std::string& product = "85123A",
           std::int64_t price_milli = 10'000) {
    const std::int64_t first = day(0) / pricing::period_ms + 1;
    ++orders_;
    driver_.pipe(orders_topic, id(std::to_string(orders_)),
                 validated({{product, quantity, price_milli}}),
                 (first + period) * pricing::period_ms + orders_);
    driver_.run_until_idle();
  }
  /// `from>to` of what moved since the last call.
  std::vector<std::string> moves() {
    std::vector<std::string> out;
    for (const auto& event : driver_.read<ProductCode, PriceMoved>(prices_topic)) {
      out.push_back(event.key.text + " " + std::to_string(event.value.from_milli.milli) + ">" +
                    std::to_string(event.value.to_milli.milli));
    }
    return out;
  }

  millrace::testkit::TopologyDriver driver_;
  int orders_ = 0;
};

TEST_F(Pricing, a_price_rises_when_more_was_asked_for_than_before_and_falls_when_less) {
  ask(5, 0);
  ask(50, 1);
  EXPECT_THAT(moves(), ElementsAre("85123A 10000>10200"));
  ask(2, 2);
  EXPECT_THAT(moves(), ElementsAre("85123A 10200>10404"));
  ask(2, 3);
  EXPECT_THAT(moves(), ElementsAre("85123A 10404>10196"));
}

TEST_F(Pricing, a_price_that_nothing_can_cost_says_nothing) {
  for (const std::int64_t price : {std::int64_t{-10'000}, INT64_MIN, INT64_MAX, std::int64_t{0}}) {
    const std::string product = "1000" + std::to_string(orders_);
    // Our own writers refuse such numbers; others may not.
    driver_.pipe_raw(orders_topic,
                     foreign("x" + std::to_string(orders_),
                             OrderValidated{{"France"}, {1}, {{{product}, 5, {price}}}},
                             day(0) + 2 * pricing::period_ms));
    ask(9, 2, product, price == 0 ? 1 : 10'000);
    ask(1, 3, product, 10'000);
    driver_.run_until_idle();
  }
  EXPECT_THAT(driver_.read_raw("pricing.dead-letters"), IsEmpty());
}

TEST_F(Pricing, a_period_without_any_demand_counts_as_less) {
  ask(5, 0);
  ask(5, 2);
  EXPECT_THAT(moves(), ElementsAre("85123A 10000>9800"));
}

TEST_F(Pricing, a_price_stays_between_half_and_twice_the_first) {
  for (int period = 0; period < 80; ++period)
    ask(period + 1, period);
  const auto state =
      driver_.store<ProductCode, pricing::PriceState>(pricing::prices_store).get({"85123A"});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->price_milli, Money{20'000});
}

TEST_F(Pricing, gifts_and_services_have_no_list_price) {
  ask(5, 0, "22423", 0);
  ask(50, 1, "22423", 0);
  ask(5, 0, "POST");
  ask(50, 1, "POST");
  EXPECT_THAT(moves(), IsEmpty());
}

TEST_F(Pricing, demand_is_counted_once_over_a_crash) {
  ask(5, 0);
  driver_.crash_and_restart();
  ask(50, 1);
  driver_.crash_and_restart();
  driver_.run_until_idle();
  EXPECT_EQ((driver_.store<ProductCode, pricing::PriceState>(pricing::prices_store)
                 .get({"85123A"})
                 ->units),
            50);
  EXPECT_THAT(moves(), ElementsAre("85123A 10000>10200"));
}

}  // namespace
}  // namespace retail
