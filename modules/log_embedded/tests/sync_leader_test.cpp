// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "process_world.hpp"

// The member that syncs for all, among real processes: it dies or stops in its sync.
namespace millrace::log {
namespace {

TEST_F(EmbeddedProcesses, a_leader_killed_in_its_sync_is_replaced) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("survivor");
  const auto place = topic_at(*log, "t");
  for (const char* point : {"sync.leader_before", "sync.leader_after"}) {
    Child leader([&] {
      plan = {point, 1, SIGKILL};
      auto own = open("leader");
      set_fault_handler(follow_plan);
      const auto committed = put_all(*own, {place}, "v");
      static_cast<void>(own->wait_durable(committed->position));
      return 1;
    });
    ASSERT_TRUE(was_killed(leader.wait())) << point;
    EXPECT_TRUE(log->wait_durable(log->committed()).has_value()) << point;
    EXPECT_EQ(log->durable(), log->committed());
  }
}

TEST_F(EmbeddedProcesses, a_leader_that_was_stopped_does_not_stop_the_others) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("survivor");
  const auto place = topic_at(*log, "t");
  Child leader([&] {
    plan = {"sync.leader_before", 1, SIGSTOP};
    auto own = open("leader");
    set_fault_handler(follow_plan);
    const auto committed = put_all(*own, {place}, "v");
    return own->wait_durable(committed->position) ? 0 : 1;
  });
  leader.wait_stopped();
  EXPECT_TRUE(log->wait_durable(log->committed()).has_value());
  leader.signal(SIGCONT);
  EXPECT_EQ(leader.wait(), 0);
}

TEST_F(EmbeddedProcesses, a_stopped_leader_costs_its_followers_their_patience_only_once) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  // One who waits in vain takes the lead over for good, so that a second one finds it free.
  auto log = open("survivor", 400);
  const auto place = topic_at(*log, "t");
  Child leader([&] {
    plan = {"sync.leader_before", 1, SIGSTOP};
    auto own = open("leader");
    set_fault_handler(follow_plan);
    const auto committed = put_all(*own, {place}, "v");
    return own->wait_durable(committed->position) ? 0 : 1;
  });
  leader.wait_stopped();
  ASSERT_TRUE(log->wait_durable(log->committed()).has_value());
  const auto second = put_all(*log, {place}, "w");
  // Patient beyond the end of the test: only a lead that is free lets it through.
  auto patient = open("patient", 1'000'000);
  EXPECT_TRUE(patient->wait_durable(second->position).has_value());
  leader.signal(SIGCONT);
  EXPECT_EQ(leader.wait(), 0);
}

}  // namespace
}  // namespace millrace::log
