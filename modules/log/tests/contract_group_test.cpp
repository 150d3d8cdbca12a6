// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "log_contract.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;

// All tasks of all members together: each must have exactly one owner.
std::multiset<std::string> all_tasks(const std::vector<const ObedientMember*>& members) {
  std::multiset<std::string> all;
  for (const ObedientMember* member : members) {
    for (const Claim& claim : member->held) {
      all.insert(claim.task());
    }
  }
  return all;
}

std::multiset<std::string> each_once(const std::vector<std::string>& tasks) {
  return {tasks.begin(), tasks.end()};
}

TEST_P(LogContract, a_group_has_one_number_for_all_handles) {
  auto one = connect();
  auto other = connect("orders");
  const auto first = one->group("stock");
  const auto second = other->group("stock");
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(*first, *second);
  EXPECT_NE(*first, other->group("orders").value());
}

TEST_P(LogContract, a_position_never_committed_is_missing_and_not_the_start) {
  auto log = connect();
  const auto partition = make_topic(*log, "t", 2);
  put(*log, partition, "k", "v");
  const GroupId group = log->group("g").value();
  const auto missing = log->position(group, partition);
  ASSERT_TRUE(missing.has_value()) << missing.error().to_string();
  EXPECT_EQ(*missing, std::nullopt);
}

TEST_P(LogContract, positions_are_kept_per_group_and_partition_and_seen_by_all_handles) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t", 2);
  const TopicPartition other{topic_partition.topic, partition(1)};
  const GroupId g = log->group("g").value();
  const GroupId h = log->group("h").value();
  Transaction transaction;
  transaction.set_position(g, topic_partition, offset(3));
  transaction.set_position(g, other, offset(0));
  ASSERT_TRUE(commit(*log, transaction).has_value());
  transaction.clear();
  transaction.set_position(g, topic_partition, offset(4));
  ASSERT_TRUE(commit(*log, transaction).has_value());
  auto later = connect("stock", "later");
  EXPECT_EQ(later->position(g, topic_partition).value(), offset(4));
  EXPECT_EQ(later->position(g, other).value(), offset(0));
  EXPECT_EQ(later->position(h, topic_partition).value(), std::nullopt);
}

TEST_P(LogContract, records_and_positions_of_a_refused_transaction_both_stay_away) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t");
  const GroupId group = log->group("g").value();
  Transaction transaction;
  transaction.append(topic_partition, {0, "k", "v", {}});
  transaction.set_position(group, topic_partition, offset(1));
  transaction.append({topic_partition.topic, partition(5)}, {0, "k", "v", {}});
  ASSERT_FALSE(commit(*log, transaction).has_value());
  EXPECT_EQ(log->position(group, topic_partition).value(), std::nullopt);
  EXPECT_THAT(read(*log, topic_partition), ElementsAre());
}

TEST_P(LogContract, a_single_member_owns_all_tasks) {
  auto log = connect();
  auto member = join(*log, "g", six_tasks);
  come_to_rest({&member});
  EXPECT_EQ(member.tasks(), six_tasks);
}

TEST_P(LogContract, two_and_three_members_share_the_tasks_evenly_and_each_task_has_one_owner) {
  auto log_a = connect("stock", "a");
  auto log_b = connect("stock", "b");
  auto log_c = connect("stock", "c");
  auto a = join(*log_a, "g", six_tasks);
  come_to_rest({&a});
  auto b = join(*log_b, "g", six_tasks);
  come_to_rest({&a, &b});
  EXPECT_EQ(a.held.size(), 3U);
  EXPECT_EQ(b.held.size(), 3U);
  EXPECT_EQ(all_tasks({&a, &b}), each_once(six_tasks));
  auto c = join(*log_c, "g", six_tasks);
  come_to_rest({&a, &b, &c});
  for (const ObedientMember* member : {&a, &b, &c}) {
    EXPECT_EQ(member->held.size(), 2U);
  }
  EXPECT_EQ(all_tasks({&a, &b, &c}), each_once(six_tasks));
}

TEST_P(LogContract, sharing_is_sticky) {
  auto log_a = connect("stock", "a");
  auto log_b = connect("stock", "b");
  auto a = join(*log_a, "g", six_tasks);
  come_to_rest({&a});
  const auto before = a.held;
  auto b = join(*log_b, "g", six_tasks);
  come_to_rest({&a, &b});
  // What it kept it kept under the same claim.
  for (const Claim& claim : a.held) {
    EXPECT_NE(std::find(before.begin(), before.end(), claim), before.end());
  }
  const auto kept = a.held;
  b.membership.reset();
  come_to_rest({&a});
  EXPECT_EQ(a.tasks(), six_tasks);
  for (const Claim& claim : kept) {
    EXPECT_NE(std::find(a.held.begin(), a.held.end(), claim), a.held.end());
  }
}

TEST_P(LogContract, a_task_that_was_not_given_back_is_not_granted_to_another) {
  auto log_a = connect("stock", "a");
  auto log_b = connect("stock", "b");
  auto a = join(*log_a, "g", {"0_0", "0_1"});
  come_to_rest({&a});
  auto b = join(*log_b, "g", {"0_0", "0_1"});
  for (int i = 0; i < 3; ++i) {
    b.obey();
    EXPECT_TRUE(b.held.empty());
  }
  const auto change = a.membership->poll();
  ASSERT_TRUE(change.has_value());
  ASSERT_EQ(change->asked_back.size(), 1U);
  EXPECT_TRUE(change->lost.empty());
  // Still ours until released.
  const auto partition = make_topic(*log_a, "t");
  Transaction transaction;
  transaction.append(partition, {0, "k", "last work", {}});
  transaction.require(change->asked_back[0]);
  EXPECT_TRUE(commit(*log_a, transaction).has_value());
  b.obey();
  EXPECT_TRUE(b.held.empty());
  ASSERT_TRUE(a.membership->release(change->asked_back[0]).has_value());
  b.obey();
  EXPECT_THAT(b.tasks(), ElementsAre(change->asked_back[0].task()));
}

TEST_P(LogContract, a_released_task_can_be_committed_under_no_more) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto member = join(*log, "g", {"0_0"});
  come_to_rest({&member});
  const Claim claim = member.held.at(0);
  ASSERT_TRUE(member.membership->release(claim).has_value());
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  transaction.require(claim);
  EXPECT_TRUE(commit(*log, transaction).error().is(errc::fenced));
}

TEST_P(LogContract, the_tasks_of_a_dead_member_go_to_the_survivors) {
  auto [log_a, log_b, partition, a, b] = two_members();
  world().kill(*log_b);
  come_to_rest({&a});
  EXPECT_EQ(a.tasks(), six_tasks);
}

TEST_P(LogContract, a_member_that_leaves_in_order_gives_its_tasks_back_at_once) {
  auto log_a = connect("stock", "a");
  auto a = join(*log_a, "g", six_tasks);
  {
    auto log_b = connect("stock", "b");
    auto b = join(*log_b, "g", six_tasks);
    come_to_rest({&a, &b});
    EXPECT_EQ(b.held.size(), 3U);
  }
  come_to_rest({&a});
  EXPECT_EQ(a.tasks(), six_tasks);
}

TEST_P(LogContract, a_silent_member_loses_its_claims_and_can_commit_nothing_when_it_wakes) {
  auto [log_a, log_b, partition, a, b] = two_members();
  const GroupId group = log_a->group("g").value();
  const std::vector<Claim> old = b.held;
  outlast_the_others(a);
  EXPECT_EQ(a.tasks(), six_tasks);

  Transaction transaction;
  transaction.append(partition, {0, "k", "too late", {}});
  transaction.set_position(group, partition, offset(1));
  transaction.require(old.at(0));
  expect_fenced(*log_b, transaction);
  EXPECT_THAT(read(*log_a, partition), ElementsAre());
  EXPECT_EQ(log_a->position(group, partition).value(), std::nullopt);

  // Awake again it learns what it lost and gets its share again.
  come_to_rest({&a, &b});
  EXPECT_EQ(b.lost.size(), 3U);
  EXPECT_EQ(a.held.size(), 3U);
  EXPECT_EQ(b.held.size(), 3U);
  EXPECT_EQ(all_tasks({&a, &b}), each_once(six_tasks));
}

// What housekeeping does while the thread that polls is at work.
TEST_P(LogContract, a_member_that_sends_heartbeats_and_does_not_poll_keeps_its_claims) {
  auto [log_a, log_b, partition, a, b] = two_members();
  const std::vector<Claim> held = b.held;
  for (int i = 0; i < 12; ++i) {
    world().advance_ms(log_a->options().session_timeout_ms / 4);
    const Status alive = b.membership->heartbeat();
    ASSERT_TRUE(alive) << alive.error().to_string();
    a.obey();
  }
  Transaction transaction;
  transaction.append(partition, {0, "k", "slow, not dead", {}});
  for (const Claim& claim : held) {
    transaction.require(claim);
  }
  const auto committed = commit(*log_b, transaction);
  ASSERT_TRUE(committed) << committed.error().to_string();
  come_to_rest({&a, &b});
  EXPECT_TRUE(b.lost.empty());
  EXPECT_EQ(b.held, held);
}

TEST_P(LogContract, a_heartbeat_after_the_end_of_the_session_brings_no_claim_back) {
  auto [log_a, log_b, partition, a, b] = two_members();
  const std::vector<Claim> old = b.held;
  outlast_the_others(a);
  ASSERT_TRUE(b.membership->heartbeat());
  come_to_rest({&a});
  EXPECT_EQ(a.tasks(), six_tasks);
  Transaction transaction;
  transaction.append(partition, {0, "k", "too late", {}});
  transaction.require(old.at(0));
  expect_fenced(*log_b, transaction);
  come_to_rest({&a, &b});
  EXPECT_EQ(b.lost.size(), 3U);
  EXPECT_EQ(all_tasks({&a, &b}), each_once(six_tasks));
}

TEST_P(LogContract, a_stale_claim_refuses_a_transaction_without_positions_and_one_without_records) {
  auto log_a = connect("stock", "a");
  auto log_b = connect("stock", "b");
  const auto partition = make_topic(*log_a, "t");
  const GroupId group = log_a->group("g").value();
  auto a = join(*log_a, "g", {"0_0"});
  come_to_rest({&a});
  const Claim stale = a.held.at(0);
  auto b = join(*log_b, "g", {"0_0"});
  a.membership.reset();
  come_to_rest({&b});
  ASSERT_EQ(b.held.size(), 1U);

  Transaction only_records;
  only_records.append(partition, {0, "k", "v", {}});
  only_records.require(stale);
  EXPECT_TRUE(commit(*log_a, only_records).error().is(errc::fenced));
  Transaction only_positions;
  only_positions.set_position(group, partition, offset(0));
  only_positions.require(stale);
  EXPECT_TRUE(commit(*log_a, only_positions).error().is(errc::fenced));
  EXPECT_THAT(read(*log_a, partition), ElementsAre());
  EXPECT_EQ(log_a->position(group, partition).value(), std::nullopt);

  // The new owner continues.
  only_records.clear();
  only_records.append(partition, {0, "k", "v", {}});
  only_records.require(b.held[0]);
  EXPECT_TRUE(commit(*log_b, only_records).has_value());
}

TEST_P(LogContract, one_stale_claim_among_several_refuses_the_commit) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto member = join(*log, "g", {"0_0", "0_1"});
  come_to_rest({&member});
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  transaction.require(member.held.at(0));
  transaction.require(member.held.at(1));
  EXPECT_TRUE(commit(*log, transaction).has_value());
  ASSERT_TRUE(member.membership->release(member.held[1]).has_value());
  EXPECT_TRUE(commit(*log, transaction).error().is(errc::fenced));
  EXPECT_EQ(read(*log, partition).size(), 1U);
}

TEST_P(LogContract, every_grant_of_a_task_has_a_higher_epoch) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  std::vector<Claim> claims;
  for (int i = 0; i < 5; ++i) {
    auto member = join(*log, "g", {"0_0"});
    come_to_rest({&member});
    ASSERT_EQ(member.held.size(), 1U);
    if (!claims.empty()) {
      const Claim& former = claims.back();
      EXPECT_GT(member.held[0].epoch(), former.epoch());
    }
    for (const Claim& stale : claims) {
      Transaction transaction;
      transaction.append(partition, {0, "k", "v", {}});
      transaction.require(stale);
      EXPECT_TRUE(commit(*log, transaction).error().is(errc::fenced));
    }
    claims.push_back(member.held[0]);
  }
}

TEST_P(LogContract, in_mixed_versions_only_members_that_name_a_task_get_it) {
  auto log_old = connect("stock", "old");
  auto log_new = connect("stock", "new");
  auto old_version = join(*log_old, "g", {"0_0", "0_1"});
  auto new_version = join(*log_new, "g", {"0_0", "0_1", "1_0", "1_1"});
  come_to_rest({&old_version, &new_version});
  EXPECT_EQ(all_tasks({&old_version, &new_version}), each_once({"0_0", "0_1", "1_0", "1_1"}));
  EXPECT_THAT(old_version.tasks(), ElementsAre("0_0", "0_1"));
  EXPECT_THAT(new_version.tasks(), ElementsAre("1_0", "1_1"));
}

TEST_P(LogContract, more_members_than_tasks_leave_some_waiting_until_one_leaves) {
  auto log = connect();
  auto a = join(*log, "g", {"0_0"});
  come_to_rest({&a});
  auto b = join(*log, "g", {"0_0"});
  come_to_rest({&a, &b});
  EXPECT_EQ(a.held.size(), 1U);
  EXPECT_TRUE(b.held.empty());
  a.membership.reset();
  come_to_rest({&b});
  EXPECT_EQ(b.held.size(), 1U);
}

TEST_P(LogContract, groups_do_not_disturb_each_other) {
  auto log = connect();
  auto g = join(*log, "g", {"0_0"});
  auto h = join(*log, "h", {"0_0"});
  come_to_rest({&g, &h});
  ASSERT_EQ(g.held.size(), 1U);
  ASSERT_EQ(h.held.size(), 1U);
  EXPECT_NE(g.held[0], h.held[0]);
}

TEST_P(LogContract, groups_show_which_member_has_which_task) {
  auto log = connect("stock", "stock-1");
  const auto partition = make_topic(*log, "t");
  auto member = join(*log, "g", {"0_0", "0_1"});
  come_to_rest({&member});
  Transaction transaction;
  transaction.set_position(member.held.at(0).group(), partition, offset(0));
  ASSERT_TRUE(commit(*log, transaction).has_value());
  EXPECT_EQ(log->position(member.held.at(0).group(), partition).value(), offset(0));
  const auto groups = log->groups().value();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].name, "g");
  ASSERT_EQ(groups[0].members.size(), 1U);
  EXPECT_EQ(groups[0].members[0].name, "stock-1");
  ASSERT_EQ(groups[0].tasks.size(), 2U);
  for (const auto& task : groups[0].tasks) {
    EXPECT_EQ(task.member, "stock-1");
  }
  ASSERT_EQ(groups[0].positions.size(), 1U);
  EXPECT_EQ(groups[0].positions[0].partition, partition);
  EXPECT_EQ(groups[0].positions[0].next, offset(0));
}

}  // namespace
}  // namespace millrace::log
