// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A part that is rebuilt takes its inputs in the order in which the one before took them live.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "millrace/base/random.hpp"
#include "millrace/log/errors.hpp"
#include "runtime_ranges.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::StartsWith;

class InputRanges : public InputRangesTest {};
INSTANTIATE_TEST_SUITE_P(On, InputRanges, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(InputRanges, repeat_a_join_that_saw_its_table_too_late) {
  const auto joined = topology([](TopologyBuilder& builder) {
    const auto limits = builder.table<string, Balance>("limits", "limits");
    builder.stream<string, Deposited>("deposits")
        .left_join(limits,
                   [](const Deposited&, const Balance* limit) {
                     return Deposited{limit != nullptr ? limit->total : -1};
                   })
        .to("shop.joined");
  });
  auto driver = open(joined);
  driver->declare_topic("limits", "risk", 1);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  const auto results = [&] {
    std::vector<std::int64_t> out;
    for (const auto& record : driver->read<string, Deposited>("shop.joined"))
      out.push_back(record.value.amount);
    return out;
  };
  driver->pipe("deposits", string("a"), Deposited{1}, 5'000);
  driver->run_until_idle();
  driver->pipe("limits", string("a"), Balance{7, 1}, 4'000);
  driver->run_until_idle();
  driver->pipe("deposits", string("a"), Deposited{1}, 6'000);
  driver->run_until_idle();
  EXPECT_THAT(results(), ElementsAre(-1, 7));
  driver->deploy(joined, [&] { ASSERT_TRUE(reset(*driver, {"limits"})); });
  driver->run_until_idle();
  EXPECT_THAT(results(), ElementsAre(-1, 7));
}

TEST_P(InputRanges, cost_nothing_where_records_come_in_the_order_of_time) {
  auto driver = open_took();
  for (int i = 0; i < 6; ++i) {
    pipe(*driver, sides[static_cast<std::size_t>(i) % 3], 1'000 + i);
    driver->run_until_idle();
  }
  EXPECT_EQ(ranges(*driver), 0U);
  const string before = taken(*driver);
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), before);
}

TEST_P(InputRanges, repeat_what_a_bounded_wait_took_before_its_time) {
  InstanceOptions options;
  options.fetch_bytes = 300;
  options.max_catch_up_wait_ms = 100;
  auto driver = open_took(options);
  pipe(*driver, "right", 1'000'000);
  for (int i = 0; i < 60; ++i)
    pipe(*driver, "left", 1'000 + i);
  for (int i = 0; driver->instance().status().catch_up_waits == 0; ++i) {
    ASSERT_LT(i, 1'000);
    ASSERT_TRUE(driver->step());
    driver->world().let_pass(20);
  }
  driver->run_until_idle();
  const string before = taken(*driver);
  EXPECT_FALSE(before.ends_with("right1 "));
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), before);
}

TEST_P(InputRanges, repeat_the_order_across_restarts) {
  auto driver = open_took();
  pipe(*driver, "left", 5'000);
  driver->run_until_idle();
  driver->restart();
  driver->run_until_idle();
  pipe(*driver, "right", 4'000);
  driver->run_until_idle();
  driver->crash_and_restart();
  driver->run_until_idle();
  pipe(*driver, "middle", 3'000);
  pipe(*driver, "left", 3'500);
  driver->run_until_idle();
  EXPECT_EQ(taken(*driver), "left1 right2 middle3 left4 ");
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), "left1 right2 middle3 left4 ");
}

TEST_P(InputRanges, are_those_of_committed_records_only) {
  auto driver = open_took();
  pipe(*driver, "left", 5'000);
  pipe(*driver, "left", 6'000);
  driver->run_until_idle();
  pipe(*driver, "right", 4'000);
  driver->world().fail_commits(log::errc::disk_full, 1);
  const auto done = driver->instance().status().records;
  driver->run_until([&] { return driver->instance().status().records > done; });
  EXPECT_EQ(driver->instance().status().refused_commits, 1U);
  EXPECT_EQ(ranges(*driver), 1U);
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), "left1 left2 right3 ");
}

/// Pipes and takes records at random, with times in no order; restarts and dies now and then.
void live(Driver& driver, Random& random, int records,
          const std::function<void(const string&, std::int64_t)>& pipe) {
  for (int i = 0; i < records; ++i) {
    pipe(sides[random.below(3)], 1'000 + static_cast<std::int64_t>(random.below(50)));
    if (random.below(3) == 0) driver.run_until_idle();
    if (random.below(15) == 0) {
      driver.restart();
    } else if (random.below(15) == 0) {
      driver.crash_and_restart();
    }
  }
  driver.run_until_idle();
}

TEST_P(InputRanges, make_a_rebuild_the_same_as_what_was_live) {
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(times(1, 15)); ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    InstanceOptions options;
    if (random.below(2) == 0) options.max_cycle_records = 1 + random.below(4);
    if (random.below(2) == 0) options.fetch_bytes = 100 + random.below(500);
    auto driver = open_took(options);
    const auto piping = [&](const string& side, std::int64_t time_ms) {
      pipe(*driver, side, time_ms);
    };
    live(*driver, random, times(20, 60), piping);
    const string before = taken(*driver);
    static_cast<void>(driver->read_raw("shop.taken"));
    // What comes while nobody is there is behind all that was live.
    driver->deploy(took(), [&] {
      pipe(*driver, "middle", 1);
      ASSERT_TRUE(reset(*driver, {"taken"}));
    });
    // The rebuild may be interrupted, and its commits refused.
    for (int i = 0; i < 8; ++i) {
      if (random.below(3) == 0) driver->world().fail_commits(log::errc::fenced, 1);
      ASSERT_TRUE(driver->step());
      if (random.below(4) == 0) driver->crash_and_restart();
    }
    driver->world().fail_commits(log::errc::fenced, 0);
    // After refusals in a row the instance pauses.
    driver->advance_ms(1'000);
    EXPECT_THAT(taken(*driver), StartsWith(before));
    const string rebuilt = taken(*driver);
    EXPECT_GT(rebuilt.size(), before.size());
    // And once more, from the ranges of the rebuild and what was live after it.
    live(*driver, random, 10, piping);
    const string after = taken(*driver);
    rebuild(*driver);
    EXPECT_EQ(taken(*driver), after);
  }
}

TEST_P(InputRanges, of_a_rebuild_that_was_reset_itself_are_followed_by_those_before) {
  InstanceOptions options;
  options.max_cycle_records = 2;
  auto driver = open_took(options);
  for (int i = 0; i < 20; ++i) {
    pipe(*driver, sides[static_cast<std::size_t>(i) % 3], 5'000 - 10 * i);
    driver->run_until_idle();
  }
  const string before = taken(*driver);
  driver->deploy(took(), [&] { ASSERT_TRUE(reset(*driver, {"taken"})); });
  driver->run_until([&] { return driver->instance().status().records > 4; });
  ASSERT_LT(driver->instance().status().records, 20U);
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), before);
}

TEST_P(InputRanges, let_an_input_that_is_new_come_in_by_time) {
  auto driver = open_took();
  pipe(*driver, "left", 5'000);
  driver->run_until_idle();
  pipe(*driver, "right", 4'000);
  driver->run_until_idle();
  driver->declare_topic("extra", "counter", 1);
  pipe(*driver, "extra", 4'500);
  rebuild(*driver, took({"left", "middle", "right", "extra"}));
  EXPECT_EQ(taken(*driver), "extra3 left1 right2 ");
}

TEST_P(InputRanges, keep_the_position_of_an_input_that_the_part_got_while_it_lived) {
  auto driver = open_took();
  take(*driver, "left", 5'000);
  take(*driver, "right", 4'000);
  driver->declare_topic("extra", "counter", 1);
  const auto more = took({"left", "middle", "right", "extra"});
  driver->deploy(more);
  take(*driver, "extra", 1'000);
  const string before = taken(*driver);
  EXPECT_EQ(before, "left1 right2 extra3 ");
  rebuild(*driver, more);
  EXPECT_EQ(taken(*driver), before);
}

TEST_P(InputRanges, of_a_newer_version_and_damaged_ones_cost_the_order_alone) {
  for (const bool newer : {true, false}) {
    auto driver = open_took();
    take(*driver, "left", 5'000);
    take(*driver, "right", 4'000);
    const string before = taken(*driver);
    driver->deploy(took(), [&] {
      log::LogOptions options;
      options.service = "shop";
      const auto log = driver->world().connect(options);
      const auto topic = log->find_topic(ranges_topic);
      ASSERT_TRUE(topic) << topic.error().to_string();
      log::Transaction transaction;
      transaction.append({topic->id, log::partition(0)},
                         {5'000, {}, newer ? "\x03 of later" : "\x01", {}});
      const auto done = log->commit(transaction);
      ASSERT_TRUE(done);
      ASSERT_TRUE(log->wait_visible(*done, std::numeric_limits<std::int64_t>::max()));
      ASSERT_TRUE(reset(*driver, {"taken"}));
    });
    driver->run_until_idle();
    EXPECT_EQ(taken(*driver), before);
    EXPECT_TRUE(
        reported(*driver, newer ? "input ranges of a newer build" : "input ranges ignored"));
  }
}

TEST_P(InputRanges, are_not_kept_of_one_input_nor_of_topics_that_are_written_again) {
  const auto plan = topology([](TopologyBuilder& builder) {
    orders(builder).group_by_key().count("counts");
    builder.stream<string, Deposited>("left").to_private("passed");
    builder.private_stream<string, Deposited>("passed")
        .merge(builder.stream<string, Deposited>("right"))
        .group_by_key()
        .count("passed");
  });
  auto driver = std::make_unique<Driver>(make_world(), plan);
  for (const char* topic : {"orders", "left", "right"})
    driver->declare_topic(topic, "counter", 4);
  driver->run_until_idle();
  const auto topics = driver->tool().topics();
  ASSERT_TRUE(topics);
  for (const auto& topic : *topics)
    EXPECT_FALSE(topic.spec.name.ends_with(".system.ranges")) << topic.spec.name;
}

}  // namespace
}  // namespace millrace::stream::test
