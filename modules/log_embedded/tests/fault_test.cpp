// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>

#include "embedded_world.hpp"
#include "millrace/base/fault_point.hpp"

// Deaths between any two steps, full disks and failing ones. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

std::string_view deadly_point;
int passes_left = 0;

void die_there(std::string_view point) {
  if (point == deadly_point && --passes_left == 0) {
    deadly_point = "";
    throw SimulatedDeath{point};
  }
}

const char* const all_points[] = {
    "lock.held",          "commit.before_frame",  "commit.inside_frame",
    "commit.after_frame", "commit.after_publish", "commit.before_wake",
    "commit.after_wake",  "sync.leader_before",   "sync.leader_after"};

class EmbeddedFaults : public testing::Test {
 protected:
  void SetUp() override { former_ = set_fault_handler(die_there); }
  void TearDown() override {
    deadly_point = "";
    set_fault_handler(former_);
  }
  static void plan(std::string_view point, int nth) {
    deadly_point = point;
    passes_left = nth;
  }
  /// Runs until the member dies of the plan; true when it did.
  template <class Run>
  static bool dies(Log& log, Run run) {
    try {
      run();
    } catch (const SimulatedDeath&) {
      abandon(log);
      return true;
    }
    return false;
  }

  SimulatedMachine machine_;
  FaultHandler former_ = nullptr;
};

TEST_F(EmbeddedFaults, a_member_that_dies_at_any_point_of_any_commit_harms_nobody) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  for (const char* point : all_points) {
    for (int nth = 1; nth <= 6; ++nth) {
      SimulatedMachine machine;
      auto survivor = machine.open(options_of("stock", "survivor"));
      const auto a = topic_at(*survivor, "t", 2);
      const auto b = TopicPartition{a.topic, partition(1)};
      const GroupId group = survivor->group("g").value();
      auto victim = machine.open(options_of("stock", "victim"));
      topic_at(*victim, "t", 2);
      std::int64_t promised = 0;
      plan(point, nth);
      const bool died = dies(*victim, [&] {
        for (std::int64_t i = 0; i < 10; ++i) {
          Transaction transaction;
          transaction.append(a, {0, "k", std::to_string(i), {}});
          transaction.append(b, {0, "k", std::to_string(i), {}});
          transaction.set_position(group, a, offset(i + 1));
          transaction.set_sequence("victim", i);
          const auto committed = victim->commit(transaction);
          ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
          promised = i + 1;
          ASSERT_TRUE(victim->wait_durable(committed->position).has_value());
        }
      });
      ASSERT_TRUE(died) << point;
      const auto committed = put_all(*survivor, {a, b}, "after");
      ASSERT_TRUE(committed.has_value())
          << point << " " << nth << ": " << committed.error().to_string();
      ASSERT_TRUE(survivor->wait_durable(committed->position).has_value());
      const auto values = values_of(*survivor, a);
      EXPECT_EQ(values, values_of(*survivor, b)) << point << " " << nth;
      const auto victims = static_cast<std::int64_t>(values.size()) - 1;
      EXPECT_GE(victims, promised) << point << " " << nth;
      EXPECT_LE(victims, promised + 1) << point << " " << nth;
      const auto position = survivor->position(group, a).value();
      EXPECT_EQ(position.value_or(offset(0)), offset(victims)) << point << " " << nth;
      EXPECT_EQ(values.back(), "after");
      const auto report = verify_log(SimulatedMachine::directory, machine.environment);
      ASSERT_TRUE(report.has_value());
      EXPECT_EQ(report->end, survivor->committed().position);
      victim.reset();
      abandon(*survivor);
      survivor.reset();
      survivor = machine.open();
      EXPECT_EQ(values_of(*survivor, a), values) << point << " " << nth;
      EXPECT_EQ(survivor->position(group, a).value(), position) << point << " " << nth;
    }
  }
}

TEST_F(EmbeddedFaults, a_death_during_repair_is_repaired_by_the_next) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  for (const char* second : {"repair.after_frame", "members.cleaned"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    const auto place = topic_at(*survivor, "t");
    auto one = machine.open(options_of("stock", "one"));
    auto two = machine.open(options_of("stock", "two"));
    plan("commit.after_frame", 1);
    ASSERT_TRUE(dies(*one, [&] { static_cast<void>(put_all(*one, {place}, "one")); }));
    plan(second, 1);
    ASSERT_TRUE(dies(*two, [&] { static_cast<void>(put_all(*two, {place}, "two")); }));
    ASSERT_TRUE(put_all(*survivor, {place}, "three").has_value());
    EXPECT_THAT(values_of(*survivor, place), testing::ElementsAre("one", "three"));
  }
}

TEST_F(EmbeddedFaults, a_death_during_recovery_leaves_the_log_to_the_next) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  for (const char* point :
       {"recovery.mapped", "recovery.before_cut", "recovery.after_cut",
        "recovery.before_checkpoint", "recovery.after_checkpoint", "recovery.before_share"}) {
    SimulatedMachine machine;
    auto log = machine.open();
    const auto place = topic_at(*log, "t");
    ASSERT_TRUE(put_all(*log, {place}, "v").has_value());
    abandon(*log);
    log.reset();
    plan(point, 1);
    bool died = false;
    try {
      static_cast<void>(machine.try_open());
    } catch (const SimulatedDeath&) {
      died = true;
    }
    EXPECT_TRUE(died) << point;
    log = machine.open();
    ASSERT_NE(log, nullptr) << point;
    EXPECT_THAT(values_of(*log, place), testing::ElementsAre("v")) << point;
  }
}

TEST_F(EmbeddedFaults, a_member_that_dies_while_it_takes_a_unit_does_not_keep_it) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  auto survivor = machine_.open(options_of("stock", "survivor"));
  auto victim = machine_.open(options_of("stock", "victim"));
  const GroupId group = survivor->group("g").value();
  auto one = victim->join(group, {"0_0", "0_1"});
  plan("groups.inside_grant", 2);
  ASSERT_TRUE(dies(*victim, [&] { static_cast<void>((*one)->poll()); }));
  auto two = survivor->join(group, {"0_0", "0_1"});
  ASSERT_TRUE(two.has_value()) << two.error().to_string();
  ASSERT_TRUE(survivor->maintain().has_value());
  EXPECT_EQ((*two)->poll()->granted.size(), 2U);
}

TEST_F(EmbeddedFaults, a_full_disk_refuses_the_append_and_room_lets_it_go_on) {
  auto log = machine_.open();
  const auto place = topic_at(*log, "t");
  machine_.files.set_capacity(150U << 10U);
  std::size_t written = 0;
  Result<Committed> committed = put_all(*log, {place}, std::string(3000, 'x'));
  while (committed) {
    ++written;
    committed = put_all(*log, {place}, std::string(3000, 'x'));
  }
  EXPECT_TRUE(committed.error().is(errc::disk_full)) << committed.error().to_string();
  EXPECT_GT(written, 10U);
  EXPECT_TRUE(log->wait_durable(log->committed()).has_value());
  EXPECT_EQ(values_of(*log, place).size(), written);
  EXPECT_TRUE(put_all(*log, {place}, std::string(3000, 'x')).error().is(errc::disk_full));
  machine_.files.set_capacity(10U << 20U);
  ASSERT_TRUE(put_all(*log, {place}, std::string(3000, 'x')).has_value());
  EXPECT_EQ(values_of(*log, place).size(), written + 1);
  abandon(*log);
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, place).size(), written + 1);
}

TEST_F(EmbeddedFaults, a_failed_write_leaves_nothing_behind) {
  auto log = machine_.open();
  const auto place = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {place}, "first").has_value());
  machine_.files.fail_writes(true);
  const auto refused = put_all(*log, {place}, "lost");
  ASSERT_FALSE(refused.has_value());
  machine_.files.fail_writes(false);
  EXPECT_THAT(values_of(*log, place), testing::ElementsAre("first"));
}

TEST_F(EmbeddedFaults, after_a_failed_sync_nobody_appends_until_the_log_is_repaired) {
  auto log = machine_.open(options_of("stock", "one"));
  auto other = machine_.open(options_of("stock", "two"));
  const auto place = topic_at(*log, "t");
  const auto first = put_all(*log, {place}, "durable");
  ASSERT_TRUE(log->wait_durable(first->position).has_value());
  const auto second = put_all(*log, {place}, "in doubt");
  machine_.files.fail_syncs(true);
  const Status waited = log->wait_durable(second->position);
  ASSERT_FALSE(waited.has_value());
  EXPECT_TRUE(waited.error().is(errc::failed_sync)) << waited.error().to_string();
  machine_.files.fail_syncs(false);
  for (Log* handle : {log.get(), other.get()}) {
    const auto refused = put_all(*handle, {place}, "v");
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
    EXPECT_FALSE(handle->maintain().has_value());
  }
  log.reset();
  other.reset();
  // The mark may not have reached a disk that fails; the directory that has it is refused.
  ASSERT_TRUE(write_file_atomically(machine_.files,
                                    std::string(SimulatedMachine::directory) + "/FAILED",
                                    "a sync failed")
                  .has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::failed_sync)) << opened.error().to_string();
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired.has_value()) << repaired.error().to_string();
  EXPECT_TRUE(repaired->changed);
  log = machine_.open();
  const auto values = values_of(*log, place);
  ASSERT_FALSE(values.empty());
  EXPECT_EQ(values[0], "durable");
  EXPECT_TRUE(put_all(*log, {place}, "v").has_value());
}

TEST_F(EmbeddedFaults, one_sync_serves_all_commits_before_it) {
  auto log = machine_.open();
  const auto place = topic_at(*log, "t");
  std::vector<LogPosition> positions;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(put_all(*log, {place}, "v")->position);
  }
  const std::uint64_t before = machine_.files.syncs();
  ASSERT_TRUE(log->wait_durable(positions.back()).has_value());
  for (const LogPosition& position : positions) {
    ASSERT_TRUE(log->wait_durable(position).has_value());
  }
  EXPECT_EQ(machine_.files.syncs(), before + 1);
}

TEST_F(EmbeddedFaults, a_full_table_is_named) {
  auto log = machine_.open();
  ASSERT_TRUE(log->create_topic({"big", 4000, TopicKind::events, "stock", CleanupPolicy::keep})
                  .has_value());
  const auto refused =
      log->create_topic({"more", 200, TopicKind::events, "stock", CleanupPolicy::keep});
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("4096"));
}

TEST_F(EmbeddedFaults, the_interval_policy_syncs_in_housekeeping) {
  LogOptions options = options_of();
  options.durability = DurabilityPolicy::interval;
  options.sync_interval_ms = 100;
  auto log = machine_.open(options);
  const auto place = topic_at(*log, "t");
  const auto committed = put_all(*log, {place}, "v");
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_LT(log->durable().position, committed->position.position);
  machine_.clock.advance_ms(100);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(log->durable().position, committed->position.position);
}

TEST_F(EmbeddedFaults, a_death_while_a_segment_is_made_divides_nobody) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  for (const char* point : {"segment.renamed", "segment.made", "segment.inside_use"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    auto late = machine.open(options_of("stock", "late"));
    const auto place = topic_at(*survivor, "t");
    topic_at(*late, "t");
    ASSERT_TRUE(put_all(*survivor, {place}, std::string(40'000, 'a')).has_value());
    auto victim = machine.open(options_of("stock", "victim"));
    plan(point, 1);
    // It needs a new segment; what follows is small enough for the old one.
    ASSERT_TRUE(dies(*victim, [&] {
      static_cast<void>(put_all(*victim, {place}, std::string(40'000, 'b')));
    })) << point;
    std::vector<std::string> expected{std::string(40'000, 'a')};
    for (int i = 0; i < 8; ++i) {
      Log& writer = i % 2 == 0 ? *survivor : *late;
      const auto committed = put_all(writer, {place}, std::to_string(i));
      ASSERT_TRUE(committed.has_value()) << point << ": " << committed.error().to_string();
      ASSERT_TRUE(writer.wait_durable(committed->position).has_value());
      expected.push_back(std::to_string(i));
    }
    auto third = machine.open(options_of("stock", "third"));
    for (Log* reader : {survivor.get(), late.get(), third.get()}) {
      EXPECT_EQ(values_of(*reader, place), expected) << point;
    }
    for (Log* member : {survivor.get(), late.get(), third.get()}) {
      abandon(*member);
    }
    machine.regions.lose_power();
    machine.files.lose_power();
    auto next = machine.open();
    ASSERT_NE(next, nullptr) << point;
    EXPECT_EQ(values_of(*next, place), expected) << point;
  }
}

TEST_F(EmbeddedFaults, a_segment_that_found_no_room_leaves_nothing_that_another_member_could_keep) {
  auto one = machine_.open(options_of("stock", "one"));
  auto two = machine_.open(options_of("stock", "two"));
  const auto place = topic_at(*one, "t");
  topic_at(*two, "t");
  ASSERT_TRUE(put_all(*one, {place}, std::string(40'000, 'a')).has_value());
  machine_.files.set_capacity(70U << 10U);
  ASSERT_TRUE(put_all(*one, {place}, std::string(40'000, 'b')).error().is(errc::disk_full));
  ASSERT_TRUE(put_all(*two, {place}, std::string(40'000, 'b')).error().is(errc::disk_full));
  machine_.files.set_capacity(10U << 20U);
  const auto committed = put_all(*two, {place}, std::string(40'000, 'c'));
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  ASSERT_TRUE(put_all(*one, {place}, "d").has_value());
  EXPECT_EQ(values_of(*one, place), values_of(*two, place));
  EXPECT_EQ(values_of(*one, place).size(), 3U);
}

TEST_F(EmbeddedFaults, a_repairer_that_knows_fewer_groups_than_the_dead_member_goes_on) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  auto maker = machine_.open(options_of("stock", "maker"));
  auto repairer = machine_.open(options_of("stock", "repairer"));
  auto victim = machine_.open(options_of("stock", "victim"));
  const GroupId first = maker->group("g0").value();
  plan("commit.after_frame", 1);
  ASSERT_TRUE(dies(*victim, [&] { static_cast<void>(victim->group("g1")); }));
  // Takes the lock without having looked at the catalog before.
  EXPECT_FALSE(repairer->position(first, {TopicId{{99}}, partition(0)}).has_value());
  Transaction nothing;
  const auto committed = repairer->commit(nothing);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_EQ(repairer->group("g2").value().value, 2);
  EXPECT_EQ(maker->groups().size(), 3U);
}

TEST_F(EmbeddedFaults, a_repeat_finds_its_outcome_in_a_segment_that_another_member_made) {
  auto one = machine_.open(options_of("stock", "one"));
  auto two = machine_.open(options_of("stock", "two"));
  const auto place = topic_at(*one, "t");
  topic_at(*two, "t");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(put_all(*one, {place}, std::string(30'000, 'x')).has_value());
  }
  Transaction transaction;
  transaction.append(place, {0, "k", "once", {}});
  transaction.set_sequence("feed", 1);
  const auto first = one->commit(transaction);
  ASSERT_TRUE(first.has_value());
  const auto again = two->commit(transaction);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->places.at(0).first, first->places.at(0).first);
}

TEST_F(EmbeddedFaults, a_sync_that_failed_for_a_checkpoint_stops_the_log) {
  auto log = machine_.open();
  const auto place = topic_at(*log, "t");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put_all(*log, {place}, std::string(40'000, 'x')).has_value());
  }
  machine_.clock.advance_ms(5'000);
  machine_.files.fail_syncs(true);
  EXPECT_FALSE(log->maintain().has_value());
  machine_.files.fail_syncs(false);
  // The disk tells of lost pages once: the next sync must not answer for them.
  EXPECT_FALSE(log->wait_durable(log->committed()).has_value());
  const auto refused = put_all(*log, {place}, "v");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
}

TEST_F(EmbeddedFaults, a_log_that_failed_on_a_full_disk_is_refused_after_a_restart) {
  auto log = machine_.open();
  const auto place = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {place}, "v").has_value());
  machine_.files.set_capacity(1);
  machine_.files.fail_syncs(true);
  EXPECT_FALSE(log->wait_durable(log->committed()).has_value());
  machine_.files.fail_syncs(false);
  log.reset();
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::failed_sync)) << opened.error().to_string();
  EXPECT_THAT(opened.error().message(), HasSubstr("told to fail)"));
}

TEST_F(EmbeddedFaults, a_new_member_takes_the_slot_of_one_whose_death_nobody_saw) {
  std::vector<std::unique_ptr<Log>> members;
  for (int i = 0; i < 64; ++i) {
    members.push_back(machine_.open(options_of("stock", std::to_string(i))));
  }
  const auto place = topic_at(*members[0], "t");
  const auto refused = machine_.try_open(options_of("stock", "more"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  abandon(*members[40]);
  auto more = machine_.open(options_of("stock", "more"));
  ASSERT_NE(more, nullptr);
  EXPECT_TRUE(put_all(*more, {place}, "v").has_value());
  EXPECT_THAT(values_of(*members[0], place), testing::ElementsAre("v"));
}

TEST_F(EmbeddedFaults, the_lock_of_a_dead_member_is_taken_over_by_the_next_one_in_its_slot) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP();
  }
  std::vector<std::unique_ptr<Log>> members;
  for (int i = 0; i < 64; ++i) {
    members.push_back(machine_.open(options_of("stock", std::to_string(i))));
  }
  const auto place = topic_at(*members[0], "t");
  plan("commit.after_frame", 1);
  topic_at(*members[40], "t");
  ASSERT_TRUE(dies(*members[40], [&] { static_cast<void>(put_all(*members[40], {place}, "v")); }));
  auto more = machine_.open(options_of("stock", "more"));
  ASSERT_NE(more, nullptr);
  ASSERT_TRUE(put_all(*more, {place}, "w").has_value());
  EXPECT_THAT(values_of(*members[0], place), testing::ElementsAre("v", "w"));
}

}  // namespace
}  // namespace millrace::log
