// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A rebuild by the ranges of the part before, when commits are refused, positions are gone, and the
// topology is not what it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/log/errors.hpp"
#include "runtime_migrations.hpp"
#include "runtime_ranges.hpp"

namespace millrace::stream::test {
namespace {

using std::string;

class RangesFaults : public InputRangesTest {
 protected:
  /// Takes six records of two topics in turn, each earlier than the one before.
  void take_falling(Driver& driver) {
    for (int i = 0; i < 6; ++i)
      take(driver, sides[static_cast<std::size_t>(i) % 2], 5'000 - i);
  }
  static log::GroupId group(Driver& driver, const string& part) {
    return driver.tool().group("shop/" + part).value();
  }
  /// How far the rebuilt part is in the ranges of the one before.
  static std::optional<log::Offset> position(Driver& driver) {
    return driver.tool().position(group(driver, "took-2"), ranges_partition(driver)).value();
  }
  static log::TopicPartition ranges_partition(Driver& driver, const string& topic = ranges_topic) {
    return {driver.tool().find_topic(topic).value().id, log::partition(0)};
  }
  /// The part with that number has taken all that the ones before took.
  static bool is_over(Driver& driver, int number) {
    const string part = "took-" + std::to_string(number);
    return driver.tool()
        .position(group(driver, part), ranges_partition(driver, "shop." + part + ".system.ranges"))
        .value()
        .has_value();
  }
  static std::size_t warnings(Driver& driver) {
    const auto& events = driver.events();
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(),
        [](const string& event) { return event.find("no input ranges") != string::npos; }));
  }
  static bool has_topic(Driver& driver, const string& name) {
    return driver.tool().find_topic(name).has_value();
  }
};
INSTANTIATE_TEST_SUITE_P(On, RangesFaults, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(RangesFaults, a_refused_commit_of_a_rebuild_is_repeated_in_the_order_of_before) {
  std::vector<ErrorCode> codes{log::errc::disk_full, log::errc::fenced};
  // It halves the commit, and a cluster may have shown one record alone, which it would blame.
  if (!GetParam().remote) codes.push_back(log::errc::too_large);
  for (const ErrorCode& code : codes) {
    SCOPED_TRACE(code.name);
    auto driver = open_took();
    take_falling(*driver);
    const string before = taken(*driver);
    begin_rebuild(*driver);
    driver->world().fail_commits(code, 2);
    driver->run_until([&] { return driver->instance().status().records == 6; });
    EXPECT_EQ(driver->instance().status().refused_commits, 2U);
    driver->run_until_idle();
    EXPECT_EQ(taken(*driver), before);
  }
}

TEST_P(RangesFaults, a_part_whose_positions_are_gone_is_rebuilt_by_its_ranges_alone) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  begin_rebuild(*driver);
  driver->world().lose_positions(group(*driver, "took"));
  driver->run_until_idle();
  EXPECT_EQ(taken(*driver), before);
  EXPECT_TRUE(reported(*driver, "where a part was before its reset is not known any more"));
}

TEST_P(RangesFaults, a_rebuild_that_is_over_asks_nothing_of_the_part_before) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  rebuild(*driver);
  const log::GroupId old = group(*driver, "took");
  driver->world().lose_positions(old);
  driver->restart();
  take(*driver, "left", 9'000);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(driver->world().asked_for_lost(old), 0);
  EXPECT_EQ(taken(*driver), before + "left7 ");
}

TEST_P(RangesFaults, a_rebuild_that_moves_continues_where_it_was_in_the_ranges) {
  InstanceOptions options;
  options.max_cycle_records = 1;
  auto driver = open_took(options);
  for (int i = 0; i < 12; ++i)
    take(*driver, sides[static_cast<std::size_t>(i) % 3], 5'000 - i);
  const string before = taken(*driver);
  const log::Offset start = driver->tool().start_offset(ranges_partition(*driver)).value();
  const log::Offset end = driver->tool().end_offset(ranges_partition(*driver)).value();
  begin_rebuild(*driver);
  driver->run_until([&] { return driver->instance().status().records == 6; });
  driver->crash_and_restart();
  const auto half_way = position(*driver);
  ASSERT_TRUE(half_way);
  EXPECT_GT(*half_way, start);
  EXPECT_LT(*half_way, end);
  driver->run_until_idle();
  EXPECT_TRUE(is_over(*driver, 2));
  EXPECT_EQ(taken(*driver), before);
}

TEST_P(RangesFaults, a_rebuild_that_is_shared_while_it_runs_gives_what_was_live) {
  InstanceOptions options;
  options.max_cycle_records = 2;
  auto driver = open(took(), options);
  for (const string& side : sides)
    driver->declare_topic(side, "counter", 4);
  driver->run_until_idle();
  const int records = times(12, 60);
  for (int i = 0; i < records; ++i) {
    driver->pipe(sides[static_cast<std::size_t>(i) % 3], "key" + std::to_string(i % 7),
                 Deposited{i}, 5'000 - i);
    driver->run_until_idle();
  }
  std::map<string, string> last;
  int published = 0;
  const auto read = [&] {
    for (const auto& record : driver->read<string, Taken>("shop.taken")) {
      last[record.key] = record.value.text;
      ++published;
    }
    return published;
  };
  driver->run_until([&] { return read() == records; });
  const std::map<string, string> before = std::exchange(last, {});
  begin_rebuild(*driver);
  driver->run_until([&] { return driver->instance().status().records > 2; });
  ASSERT_LT(read(), 2 * records) << "the rebuild is over before it is shared";
  Beside beside(driver->world(), took());
  for (int i = 0; i < 20 && (read() < 2 * records || driver->instance().status().tasks.size() == 4);
       ++i) {
    ASSERT_TRUE(driver->step());
    EXPECT_EQ(beside.run(), "");
  }
  EXPECT_LT(driver->instance().status().tasks.size(), 4U);
  EXPECT_EQ(last, before);
}

// Deleted by hand, say: a cluster still lists it for us.
TEST_P(RangesFaults, a_topic_that_fails_costs_the_order_of_the_rebuild_alone) {
  for (const ErrorCode& code :
       {log::errc::unknown_topic, log::errc::not_authorized, log::errc::unavailable}) {
    for (const bool from_the_start : {true, false}) {
      SCOPED_TRACE(code.name);
      InstanceOptions options;
      options.max_cycle_records = 1;
      auto driver = open_took(options);
      take_falling(*driver);
      const log::TopicId ranges = ranges_partition(*driver).topic;
      begin_rebuild(*driver);
      if (!from_the_start)
        driver->run_until([&] { return driver->instance().status().records == 2; });
      // A commit that the log is away for is repeated, whatever it holds.
      if (!from_the_start && code.name == log::errc::unavailable.name) continue;
      driver->world().fail_topics(code, {ranges});
      driver->run_until([&] { return driver->instance().status().records == 6; });
      driver->run_until_idle();
      EXPECT_TRUE(is_over(*driver, 2));
      if (from_the_start) {
        EXPECT_EQ(warnings(*driver), 1U);
      }
      const string rebuilt = taken(*driver);
      take(*driver, "left", 9'000);
      EXPECT_TRUE(taken(*driver).starts_with(rebuilt + "left"));
    }
  }
}

TEST_P(RangesFaults, a_topic_that_is_gone_after_the_rebuild_costs_nothing) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  rebuild(*driver);
  driver->world().fail_topics(log::errc::unknown_topic, {ranges_partition(*driver).topic});
  driver->restart();
  take(*driver, "left", 9'000);
  // The next one asks the latest alone.
  rebuild(*driver);
  EXPECT_EQ(warnings(*driver), 0U);
  EXPECT_FALSE(reported(*driver, "how far a rebuild is"));
  EXPECT_EQ(taken(*driver), before + "left7 ");
}

TEST_P(RangesFaults, an_own_topic_that_does_not_take_them_costs_the_ranges_alone) {
  for (const ErrorCode& code : {log::errc::unknown_topic, log::errc::not_authorized,
                                log::errc::record_refused, log::errc::limit}) {
    SCOPED_TRACE(code.name);
    auto driver = open_took();
    driver->world().fail_topics(code, {ranges_partition(*driver).topic});
    take(*driver, "left", 5'000);
    take(*driver, "right", 4'000);
    take(*driver, "left", 3'000);
    EXPECT_EQ(driver->instance().status().records, 3U);
    EXPECT_EQ(driver->instance().status().refused_commits, 1U);
    EXPECT_EQ(driver->instance().status().dead_letters, 0U);
    EXPECT_EQ(warnings(*driver), 1U);
  }
}

TEST_P(RangesFaults, a_commit_that_is_refused_for_something_else_costs_no_ranges) {
  auto driver = open_took();
  take(*driver, "left", 5'000);
  driver->world().refuse_records(log::errc::record_refused, [](const log::RecordView& record) {
    return record.value && record.value->find("right2") != std::string_view::npos;
  });
  take(*driver, "right", 4'000);
  take(*driver, "right", 3'000);
  EXPECT_EQ(taken(*driver), "left1 right3 ");
  EXPECT_EQ(warnings(*driver), 0U);
  EXPECT_GE(ranges(*driver), 1U);
}

// By a build that kept none, say.
TEST_P(RangesFaults, a_part_without_ranges_took_its_inputs_by_time) {
  auto driver = open_took();
  take_falling(*driver);
  driver->world().refuse_topics(log::errc::limit, "took-2.system.ranges");
  driver->deploy(took(), [&] { ASSERT_TRUE(reset(*driver, {"taken"})); });
  driver->run_until_idle();
  EXPECT_FALSE(has_topic(*driver, "shop.took-2.system.ranges"));
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), "middle2 middle4 middle6 left1 left3 left5 ");
}

// Its group is still known, so the name is not free.
TEST_P(RangesFaults, a_part_is_reset_again_when_the_positions_of_the_first_one_are_gone) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  rebuild(*driver);
  driver->world().lose_positions(group(*driver, "took"));
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), before);
  EXPECT_TRUE(has_topic(*driver, "shop.took-3.system.changelog"));
}

// What its HTTP side writes, say: a rebuild does not write it again.
TEST_P(RangesFaults, a_topic_of_the_service_that_no_part_writes_is_an_input_like_others) {
  const auto plan = took({"shop.asked", "left"});
  auto driver = open(plan);
  driver->declare_topic("shop.asked", "shop", 1);
  driver->declare_topic("left", "counter", 1);
  driver->run_until_idle();
  take(*driver, "left", 5'000);
  take(*driver, "shop.asked", 4'000);
  EXPECT_EQ(ranges(*driver), 1U);
  rebuild(*driver, plan);
  EXPECT_EQ(taken(*driver), "left1 shop.asked2 ");
}

TEST_P(RangesFaults, a_topic_that_cannot_be_made_costs_the_ranges_alone) {
  for (const ErrorCode& code :
       {log::errc::not_authorized, log::errc::limit, log::errc::topic_mismatch}) {
    SCOPED_TRACE(code.name);
    auto world = make_world();
    world->refuse_topics(code, ".system.ranges");
    auto driver = std::make_unique<Driver>(std::move(world), took());
    for (const string& side : sides)
      driver->declare_topic(side, "counter", 1);
    take(*driver, "left", 5'000);
    take(*driver, "right", 4'000);
    EXPECT_TRUE(reported(*driver, "no input ranges"));
    EXPECT_FALSE(has_topic(*driver, ranges_topic));
    rebuild(*driver);
    // The numbers are those of all records so far.
    EXPECT_TRUE(taken(*driver).starts_with("right"));
  }
}

TEST_P(RangesFaults, a_store_with_another_name_is_rebuilt_in_the_order_of_before) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  rebuild(*driver, topology([](TopologyBuilder& builder) {
    add_took(builder, sides, "kept");
    builder.was("kept", "taken");
  }));
  EXPECT_EQ(taken(*driver, "kept"), before);
}

TEST_P(RangesFaults, a_store_with_its_old_name_again_is_rebuilt_in_the_order_of_before) {
  auto driver = open_took();
  take_falling(*driver);
  const string before = taken(*driver);
  driver->deploy(topology([](TopologyBuilder& builder) {
    add_took(builder, sides, "kept");
    builder.was("kept", "taken");
  }));
  driver->run_until_idle();
  driver->deploy(took(), [&] { ASSERT_TRUE(reset(*driver, {"kept"})); });
  driver->run_until_idle();
  EXPECT_EQ(taken(*driver), before);
}

// A rollback, and forward again.
TEST_P(RangesFaults, what_a_build_without_ranges_took_in_between_is_rebuilt_by_time) {
  auto driver = open_took();
  take(*driver, "left", 5'000);
  take(*driver, "right", 4'000);
  driver->world().refuse_topics(log::errc::limit, ".system.ranges");
  driver->restart();
  const std::size_t kept = ranges(*driver);
  take(*driver, "left", 8'000);
  take(*driver, "right", 7'000);
  EXPECT_EQ(ranges(*driver), kept);
  driver->world().refuse_topics({}, "none");
  driver->restart();
  take(*driver, "left", 6'500);
  take(*driver, "right", 6'400);
  EXPECT_EQ(taken(*driver), "left1 right2 left3 right4 left5 right6 ");
  rebuild(*driver);
  EXPECT_EQ(taken(*driver), "left1 right2 right4 left3 left5 right6 ");
}

// So they never take the last room in a log that a store needs.
TEST_P(RangesFaults, their_topics_are_made_after_the_changelogs_of_all_parts) {
  auto driver = open(topology([](TopologyBuilder& builder) {
    add_took(builder, {"left", "right"}, "taken");
    builder.stream<string, Deposited>("middle").group_by_key().count("counts");
  }));
  for (const string& side : sides)
    driver->declare_topic(side, "counter", 1);
  driver->run_until_idle();
  const auto id = [&](const string& name) { return driver->tool().find_topic(name).value().id; };
  for (const char* const name : {"shop.counts.changelog", "shop.counts.system.changelog"})
    EXPECT_GT(id(ranges_topic), id(name)) << name;
}

// The new part begins its own ranges where the ones before were.
TEST_P(RangesFaults, what_was_taken_before_a_migration_is_rebuilt_by_time_and_then_as_it_was) {
  const auto apart = topology([](TopologyBuilder& builder) {
    add_took(builder, {"left", "middle"}, "taken");
    builder.stream<string, Deposited>("right").group_by_key().count("rights");
  });
  const auto together = topology([](TopologyBuilder& builder) {
    add_took(builder, sides, "taken");
    builder.stream<string, Deposited>("right").group_by_key().count("rights");
  });
  auto driver = open(apart);
  for (const string& side : sides)
    driver->declare_topic(side, "counter", 1);
  take(*driver, "left", 5'000);
  take(*driver, "middle", 4'000);
  deploy_by_migration(*driver, together);
  take(*driver, "left", 7'000);
  take(*driver, "right", 6'000);
  EXPECT_EQ(taken(*driver), "left1 middle2 left3 right4 ");
  rebuild(*driver, together);
  EXPECT_EQ(taken(*driver), "middle2 left1 left3 right4 ");
}

}  // namespace
}  // namespace millrace::stream::test
