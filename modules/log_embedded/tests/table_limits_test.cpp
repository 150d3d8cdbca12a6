// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What a full table of a log says, and what it leaves alone.
#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "embedded_world.hpp"

namespace millrace::log {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TableLimits : public testing::Test {
 protected:
  template <class T>
  static void expect_limit(const Result<T>& refused, const std::string& table,
                           const std::string& limit, const std::string& remedy) {
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(),
                AllOf(HasSubstr(table), HasSubstr("(" + limit + ")"), HasSubstr(remedy)));
  }
  static std::vector<std::string> tasks(int count) {
    std::vector<std::string> tasks;
    for (int i = 0; i < count; ++i)
      tasks.push_back("task/" + std::to_string(i));
    return tasks;
  }

  SimulatedMachine machine_;
};

TEST_F(TableLimits, of_positions_of_groups_costs_the_commit_alone_and_those_that_are_there_move) {
  constexpr std::int32_t partitions = 4'000;
  auto log = machine_.open();
  const auto topic = log->create_topic({"big", partitions, TopicKind::events, "stock"});
  ASSERT_TRUE(topic);
  const auto commit = [&](int number, std::int64_t next) {
    const GroupId group = log->group("group-" + std::to_string(number)).value();
    Transaction transaction;
    for (std::int32_t p = 0; p < partitions; ++p)
      transaction.set_position(group, {topic->id, partition(p)}, offset(next));
    return log->commit(transaction);
  };
  for (int number = 0; number < 4; ++number)
    ASSERT_TRUE(commit(number, 0));
  expect_limit(commit(4, 0), "table of group positions", "16384", "a second log");
  const auto moved = commit(0, 0);
  EXPECT_TRUE(moved) << moved.error().to_string();
}

TEST_F(TableLimits, of_producers_costs_the_commit_alone_and_those_that_are_there_continue) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  const auto commit = [&](int producer, std::int64_t number) {
    Transaction transaction;
    transaction.append(partition, {1'000, "k", "v", {}});
    transaction.set_sequence("producer-" + std::to_string(producer), number);
    return log->commit(transaction);
  };
  for (int producer = 0; producer < 1'024; ++producer)
    ASSERT_TRUE(commit(producer, 1)) << producer;
  expect_limit(commit(1'024, 1), "table of producers", "1024", "producer names that are there");
  EXPECT_TRUE(commit(7, 2));
}

TEST_F(TableLimits, of_tasks_is_free_again_when_the_last_process_has_closed_the_log) {
  {
    auto log = machine_.open();
    const GroupId group = log->group("large").value();
    const auto most = log->join(group, tasks(1'024));
    ASSERT_TRUE(most) << most.error().to_string();
    expect_limit(log->join(log->group("more").value(), tasks(1)), "table of tasks", "1024",
                 "fewer partitions");
  }
  auto log = machine_.open();
  const auto joined = log->join(log->group("more").value(), tasks(1));
  EXPECT_TRUE(joined) << joined.error().to_string();
}

TEST_F(TableLimits, of_group_members_is_free_again_when_one_leaves) {
  auto log = machine_.open();
  const GroupId group = log->group("crowd").value();
  std::vector<std::unique_ptr<Membership>> members;
  for (int i = 0; i < 512; ++i) {
    auto joined = log->join(group, tasks(1));
    ASSERT_TRUE(joined) << i << ": " << joined.error().to_string();
    members.push_back(*std::move(joined));
  }
  expect_limit(log->join(group, tasks(1)), "table of group members", "512", "end some instances");
  members.pop_back();
  const auto joined = log->join(group, tasks(1));
  EXPECT_TRUE(joined) << joined.error().to_string();
}

}  // namespace
}  // namespace millrace::log
