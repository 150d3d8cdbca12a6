// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "runtime_fixture.hpp"

// Several inputs of a part, and several parts of a topology.
namespace millrace::stream::test {
namespace {

struct Note {
  std::string text;
  std::int64_t time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text, time_ms))

class Order : public RuntimeTest {
 protected:
  // Deposits with the name of the account's holder at their time.
  static std::unique_ptr<Driver> open_order(InstanceOptions options = {}) {
    TopologyBuilder builder("order", 1);
    const auto names = builder.table<std::string, Closed>("holders", "holders");
    const auto deposits = builder.stream<std::string, Deposited>("deposits");
    const auto notes =
        deposits.left_join(names, [](const Deposited& deposit, const Closed* holder) {
          return Note{
              (holder != nullptr ? holder->reason : "nobody") + std::to_string(deposit.amount), 0};
        });
    notes.to("order.notes");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*built, std::move(options));
    driver->declare_topic("holders", "registry", 1);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }

  static std::string said(Driver& driver) {
    std::string out;
    for (const auto& note : driver.read<std::string, Note>("order.notes"))
      out += note.value.text + " ";
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Order, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Order, inputs_are_merged_by_time_with_tables_first) {
  auto driver = open_order();
  // Written in another order than that of their times.
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->pipe("deposits", std::string("a"), Deposited{2}, 2'000);
  driver->pipe("deposits", std::string("a"), Deposited{3}, 3'000);
  driver->pipe("holders", std::string("a"), Closed{"anna"}, 2'000);
  driver->pipe("holders", std::string("a"), Closed{"berta"}, 2'500);
  driver->run_until_idle();
  EXPECT_EQ(said(*driver), "nobody1 anna2 berta3 ");
}

TEST_P(Order, an_input_fetched_earlier_than_another_is_not_taken_for_empty) {
  InstanceOptions options;
  options.max_cycle_records = 2;
  auto driver = open_order(options);
  driver->pipe("holders", std::string("a"), Closed{"anna"}, 1'000);
  driver->pipe("holders", std::string("a"), Closed{"berta"}, 1'001);
  driver->pipe("holders", std::string("a"), Closed{"carla"}, 1'002);
  ASSERT_TRUE(driver->step());
  // One holder is left of the first fetch, the deposit is of a later one.
  driver->pipe("holders", std::string("a"), Closed{"dora"}, 1'003);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'004);
  driver->run_until_idle();
  EXPECT_EQ(said(*driver), "dora1 ");
}

TEST_P(Order, context_passes_through_private_topics) {
  TopologyBuilder builder("hops");
  builder.stream<std::string, Deposited>("deposits")
      .select_key([](const std::string&, const Deposited&) { return std::string("all"); })
      .group_by_key()
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return Balance{count, count}; })
      .to("hops.counts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller");
  const std::string cause =
      driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000, "process-9");
  driver->run_until_idle();
  const auto counts = driver->read_raw("hops.counts");
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].header("ce_correlationid"), "process-9");
  EXPECT_EQ(counts[0].header("ce_causationid"), cause);
}

}  // namespace
}  // namespace millrace::stream::test
