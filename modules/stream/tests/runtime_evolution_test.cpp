// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A service comes back with another topology over the log of the one before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/topology.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

class Evolution : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Evolution, testing::ValuesIn(runtime_backends()), backend_name);

using std::string;
using std::chrono_literals::operator""ms;
using testing::AllOf;
using testing::HasSubstr;

class Audit final : public Processor<string, Deposited> {
 public:
  void process(const string&, const Deposited&, ProcessorContext&) override {}
};

Topology counts_behind(const std::function<void(Stream<string, Deposited>)>& first) {
  return topology([&](auto& builder) {
    first(orders(builder));
    orders(builder).group_by_key().count("counts");
  });
}

Topology with_last() {
  return counts_behind([](auto orders) { orders.to_table("last"); });
}

TEST_P(Evolution, an_operator_put_before_a_count_leaves_it_its_position_and_its_state) {
  const auto add_table = [](auto orders) { orders.to_table("last"); };
  const auto add_processor = [](auto orders) { orders.template process<Audit>("audit"); };
  for (const std::function<void(Stream<string, Deposited>)>& first :
       {std::function<void(Stream<string, Deposited>)>(add_table), {add_processor}}) {
    auto driver = open_shop(make_world(), counts());
    order(*driver, 0, 6);
    driver->deploy(counts_behind(first));
    driver->run_until_idle();
    EXPECT_EQ(driver->instance().status().records, 0U);
    order(*driver, 6, 9);
    EXPECT_EQ(counted(*driver), 9);
    EXPECT_EQ(driver->instance().status().records, 3U);
  }
}

TEST_P(Evolution, a_topology_that_did_not_change_writes_nothing) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  EXPECT_EQ(revision(*driver), 1);
  driver->restart();
  order(*driver, 6, 9);
  EXPECT_EQ(revision(*driver), 1);
  EXPECT_EQ(driver->all_raw("shop.manifest").size(), 1U);
}

TEST_P(Evolution, a_store_that_was_added_begins_where_its_part_is_and_is_reported) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(with_last());
  driver->run_until_idle();
  EXPECT_TRUE(reported(*driver, "store last of part counts is new"));
  EXPECT_TRUE((driver->store<string, Deposited>("last").all().empty()));
  order(*driver, 6, 9);
  EXPECT_EQ((driver->store<string, Deposited>("last").all().size()), 3U);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Evolution, going_back_to_the_build_before_keeps_position_and_state) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(with_last());
  order(*driver, 6, 9);
  driver->deploy(counts());
  order(*driver, 9, 12);
  EXPECT_EQ(counted(*driver), 12);
  EXPECT_EQ(driver->instance().status().records, 3U);
  EXPECT_TRUE(reported(*driver, "store last of part counts was removed"));
  // Its old state lacks what came meanwhile.
  driver->deploy(with_last());
  driver->run_until_idle();
  EXPECT_TRUE((driver->store<string, Deposited>("last").all().empty()));
  EXPECT_EQ(counted(*driver), 12);
}

TEST_P(Evolution, a_part_that_was_removed_continues_when_it_comes_back) {
  const auto two = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  });
  auto driver = open_shop(make_world(), two);
  driver->declare_topic("returns", "counter", 2);
  order(*driver, 0, 3);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'000);
  driver->run_until_idle();
  driver->deploy(counts());
  driver->run_until_idle();
  EXPECT_TRUE(reported(*driver, "part returned was removed"));
  driver->deploy(two);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'001);
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "returned"), 2);
  EXPECT_EQ(driver->instance().status().records, 1U);
}

TEST_P(Evolution, a_store_under_another_name_is_refused) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 3);
  const Error error = driver->refused(
      topology([](auto& builder) { orders(builder).group_by_key().count("totals"); }));
  EXPECT_EQ(error.code(), errc::topology_changed);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("counts"), HasSubstr("totals")));
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
}

TEST_P(Evolution, another_window_is_refused) {
  const auto windowed = [](std::chrono::milliseconds size) {
    return topology([size](auto& builder) {
      orders(builder).group_by_key().windowed_by(tumbling(size).no_grace()).count("counts");
    });
  };
  auto driver = open_shop(make_world(), windowed(100ms));
  const Error error = driver->refused(windowed(200ms));
  EXPECT_EQ(error.code(), errc::topology_changed);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("tumbling 100 ms"), HasSubstr("tumbling 200 ms")));
  EXPECT_THAT(driver->refused(counts()).message(),
              AllOf(HasSubstr("kind of store counts"), HasSubstr("key-value")));
}

TEST_P(Evolution, parts_that_became_one_and_a_part_that_became_two_are_refused) {
  const auto apart = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  });
  const auto together = topology([](auto& builder) {
    auto returns = builder.template stream<string, Deposited>("returns");
    auto both = orders(builder).merge(returns);
    returns.group_by_key().count("returned");
    both.group_by_key().count("counts");
  });
  auto driver = open_shop(make_world(), apart);
  EXPECT_THAT(driver->refused(together).message(), HasSubstr("parts that became one"));
  driver = open_shop(make_world(), together);
  EXPECT_THAT(driver->refused(apart).message(), HasSubstr("a part that became several"));
}

TEST_P(Evolution, a_part_that_was_reset_is_rebuilt_from_its_inputs_with_another_type) {
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_shop(make_world(), ledger<v1::Entry>(), options);
  order(*driver, 0, 3);
  driver->deploy(ledger<swapped::Entry>(), [&] {
    EXPECT_TRUE(reset(*driver, {"ledger"}, true));
    EXPECT_TRUE(reset(*driver, {"ledger"}));
  });
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 3U);
  const auto entry = driver->store<string, swapped::Entry>("ledger").get("customer-1");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->debit, 100);
  EXPECT_EQ(entry->credit, 7);
  driver->restart();
  order(*driver, 3, 6);
  EXPECT_EQ(driver->instance().status().records, 3U);
  EXPECT_EQ((driver->store<string, swapped::Entry>("ledger").get("customer-1")->debit), 200);
}

TEST_P(Evolution, a_reset_counts_what_passes_a_private_topic_once) {
  const auto by_amount = topology([](auto& builder) {
    orders(builder)
        .group_by([](const Deposited& order) { return order.amount; })
        .count("by-amount");
    orders(builder).group_by_key().count("counts");
  });
  auto driver = open_shop(make_world(), by_amount);
  const auto by = [&] {
    return driver->store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0);
  };
  order(*driver, 0, 6);
  ASSERT_EQ(by(), 6);
  // The part that writes the topic holds counts, and draws the other in.
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {"counts"})); });
  order(*driver, 6, 9);
  EXPECT_EQ(by(), 9);
  EXPECT_EQ(counted(*driver), 9);
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {})); });
  order(*driver, 9, 12);
  EXPECT_EQ(by(), 12);
  // The other one alone reads again what the topic has had since then.
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {"by-amount"})); });
  driver->run_until_idle();
  EXPECT_EQ(by(), 12);
}

TEST_P(Evolution, a_reset_is_refused_while_an_instance_lives) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 3);
  const Status refused = reset(*driver, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), millrace::errc::busy);
  EXPECT_EQ(revision(*driver), 1);
  driver->deploy(counts(), [&] {
    EXPECT_EQ(reset(*driver, {"stranger"}).error().code(), errc::unknown_store);
  });
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
}

}  // namespace
}  // namespace millrace::stream::test
