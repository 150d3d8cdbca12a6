// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "embedded_faults.hpp"

// Deaths between any two steps. On a simulated machine.
namespace millrace::log {
namespace {

const char* const all_points[] = {
    "lock.held",          "commit.before_frame",  "commit.inside_frame",
    "commit.after_frame", "commit.after_publish", "commit.before_wake",
    "commit.after_wake",  "sync.leader_before",   "sync.leader_after"};

std::uint64_t repaired_tails(const Log& log) {
  for (const LogCount& count : log.counts()) {
    if (count.name == "repaired_tails") {
      return count.value;
    }
  }
  ADD_FAILURE() << "the log does not count repaired tails";
  return 0;
}

TEST_F(EmbeddedFaults, a_member_that_dies_at_any_point_of_any_commit_harms_nobody) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
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

TEST_F(EmbeddedFaults, a_member_that_left_a_commit_by_an_exception_completes_it_before_the_next) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "needs fault points";
  }
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  plan("commit.after_frame", 1);
  // The process lives: this stands for any exception, such as one for want of memory.
  EXPECT_THROW(static_cast<void>(put_all(*log, {partition}, "first")), SimulatedDeath);
  ASSERT_TRUE(put_all(*log, {partition}, "second"));
  EXPECT_THAT(values_of(*log, partition), testing::ElementsAre("first", "second"));
}

TEST_F(EmbeddedFaults, a_member_counts_the_ends_of_the_journal_that_it_repaired) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  struct Case {
    const char* point;
    std::uint64_t by_survivor;
    std::uint64_t by_recovery;  // which finds a whole frame in order
  };
  for (const Case& one : {Case{"commit.before_frame", 0, 0},
                          {"commit.inside_frame", 1, 1},
                          {"commit.after_frame", 1, 0},
                          {"commit.after_publish", 0, 0},
                          {"commit.after_wake", 0, 0}}) {
    for (const bool recovers : {false, true}) {
      SCOPED_TRACE(std::string(one.point) +
                   (recovers ? ", recovered" : ", repaired by a survivor"));
      SimulatedMachine machine;
      auto survivor = machine.open(options_of("stock", "survivor"));
      const auto partition = topic_at(*survivor, "t");
      EXPECT_EQ(repaired_tails(*survivor), 0U);
      if (recovers) {
        survivor.reset();
      }
      auto victim = machine.open(options_of("stock", "victim"));
      plan(one.point, 1);
      ASSERT_TRUE(dies(*victim, [&] { static_cast<void>(put_all(*victim, {partition}, "one")); }));
      if (recovers) {
        survivor = machine.open(options_of("stock", "survivor"));
      }
      ASSERT_TRUE(put_all(*survivor, {partition}, "two"));
      ASSERT_TRUE(put_all(*survivor, {partition}, "three"));
      EXPECT_EQ(repaired_tails(*survivor), recovers ? one.by_recovery : one.by_survivor);
    }
  }
}

TEST_F(EmbeddedFaults, a_death_during_repair_is_repaired_by_the_next) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* second : {"repair.after_frame", "members.cleaned"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    const auto partition = topic_at(*survivor, "t");
    auto one = machine.open(options_of("stock", "one"));
    auto two = machine.open(options_of("stock", "two"));
    plan("commit.after_frame", 1);
    ASSERT_TRUE(dies(*one, [&] { static_cast<void>(put_all(*one, {partition}, "one")); }));
    plan(second, 1);
    ASSERT_TRUE(dies(*two, [&] { static_cast<void>(put_all(*two, {partition}, "two")); }));
    ASSERT_TRUE(put_all(*survivor, {partition}, "three").has_value());
    EXPECT_THAT(values_of(*survivor, partition), testing::ElementsAre("one", "three"));
  }
}

TEST_F(EmbeddedFaults, a_death_during_recovery_leaves_the_log_to_the_next) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point :
       {"recovery.mapped", "recovery.before_cut", "recovery.after_cut",
        "recovery.before_checkpoint", "recovery.after_checkpoint", "recovery.before_share"}) {
    SimulatedMachine machine;
    auto log = machine.open();
    const auto partition = topic_at(*log, "t");
    ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
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
    EXPECT_THAT(values_of(*log, partition), testing::ElementsAre("v")) << point;
  }
}

TEST_F(EmbeddedFaults, a_member_that_dies_while_it_takes_a_task_does_not_keep_it) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
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

TEST_F(EmbeddedFaults, a_death_while_a_segment_is_made_divides_nobody) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point : {"segment.renamed", "segment.made", "segment.inside_use"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    auto late = machine.open(options_of("stock", "late"));
    const auto partition = topic_at(*survivor, "t");
    topic_at(*late, "t");
    ASSERT_TRUE(put_all(*survivor, {partition}, std::string(40'000, 'a')).has_value());
    auto victim = machine.open(options_of("stock", "victim"));
    plan(point, 1);
    // It needs a new segment; what follows is small enough for the old one.
    ASSERT_TRUE(dies(*victim, [&] {
      static_cast<void>(put_all(*victim, {partition}, std::string(40'000, 'b')));
    })) << point;
    std::vector<std::string> expected{std::string(40'000, 'a')};
    for (int i = 0; i < 8; ++i) {
      Log& writer = i % 2 == 0 ? *survivor : *late;
      const auto committed = put_all(writer, {partition}, std::to_string(i));
      ASSERT_TRUE(committed.has_value()) << point << ": " << committed.error().to_string();
      ASSERT_TRUE(writer.wait_durable(committed->position).has_value());
      expected.push_back(std::to_string(i));
    }
    auto third = machine.open(options_of("stock", "third"));
    for (Log* reader : {survivor.get(), late.get(), third.get()}) {
      EXPECT_EQ(values_of(*reader, partition), expected) << point;
    }
    for (Log* member : {survivor.get(), late.get(), third.get()}) {
      abandon(*member);
    }
    machine.regions.lose_power();
    machine.files.lose_power();
    auto next = machine.open();
    ASSERT_NE(next, nullptr) << point;
    EXPECT_EQ(values_of(*next, partition), expected) << point;
  }
}

TEST_F(EmbeddedFaults, a_repairer_that_knows_fewer_groups_than_the_dead_member_goes_on) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
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
  EXPECT_EQ(maker->groups().value().size(), 3U);
}

TEST_F(EmbeddedFaults, a_repeat_finds_its_outcome_in_a_segment_that_another_member_made) {
  auto one = machine_.open(options_of("stock", "one"));
  auto two = machine_.open(options_of("stock", "two"));
  const auto partition = topic_at(*one, "t");
  topic_at(*two, "t");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(put_all(*one, {partition}, std::string(30'000, 'x')).has_value());
  }
  Transaction transaction;
  transaction.append(partition, {0, "k", "once", {}});
  transaction.set_sequence("feed", 1);
  const auto first = one->commit(transaction);
  ASSERT_TRUE(first.has_value());
  const auto again = two->commit(transaction);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->partitions.at(0).first, first->partitions.at(0).first);
}

TEST_F(EmbeddedFaults, tools_that_can_do_without_a_slot_leave_some_to_services) {
  const auto partition = topic_at(*machine_.open(options_of("stock", "first")), "t");
  std::vector<std::unique_ptr<Log>> tools;
  for (int i = 0; i < 70; ++i) {
    LogOptions tool = options_of("", "tail");
    tool.access = LogAccess::prefer_write;
    tools.push_back(machine_.open(std::move(tool)));
  }
  // Who got no slot reads all the same, and says why it does no more.
  const auto reason = tools.back()->read_only_reason();
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("48"), std::string::npos) << *reason;
  std::vector<std::unique_ptr<Log>> services;
  for (int i = 0; i < 16; ++i) {
    services.push_back(machine_.open(options_of("stock", std::to_string(i))));
    ASSERT_NE(services.back(), nullptr) << i;
  }
  ASSERT_TRUE(put_all(*services.back(), {partition}, "v"));
  EXPECT_EQ(values_of(*tools.back(), partition), std::vector<std::string>{"v"});
}

TEST_F(EmbeddedFaults, a_new_member_takes_the_slot_of_one_whose_death_nobody_saw) {
  std::vector<std::unique_ptr<Log>> members;
  for (int i = 0; i < 64; ++i) {
    members.push_back(machine_.open(options_of("stock", std::to_string(i))));
  }
  const auto partition = topic_at(*members[0], "t");
  const auto refused = machine_.try_open(options_of("stock", "more"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  abandon(*members[40]);
  auto more = machine_.open(options_of("stock", "more"));
  ASSERT_NE(more, nullptr);
  EXPECT_TRUE(put_all(*more, {partition}, "v").has_value());
  EXPECT_THAT(values_of(*members[0], partition), testing::ElementsAre("v"));
}

TEST_F(EmbeddedFaults, the_lock_of_a_dead_member_is_taken_over_by_the_next_one_in_its_slot) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  std::vector<std::unique_ptr<Log>> members;
  for (int i = 0; i < 64; ++i) {
    members.push_back(machine_.open(options_of("stock", std::to_string(i))));
  }
  const auto partition = topic_at(*members[0], "t");
  plan("commit.after_frame", 1);
  topic_at(*members[40], "t");
  ASSERT_TRUE(
      dies(*members[40], [&] { static_cast<void>(put_all(*members[40], {partition}, "v")); }));
  auto more = machine_.open(options_of("stock", "more"));
  ASSERT_NE(more, nullptr);
  ASSERT_TRUE(put_all(*more, {partition}, "w").has_value());
  EXPECT_THAT(values_of(*members[0], partition), testing::ElementsAre("v", "w"));
}

}  // namespace
}  // namespace millrace::log
