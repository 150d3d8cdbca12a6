// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <optional>

#include "process_world.hpp"

// The member that syncs for all, among real processes: it dies or stops in its sync.
namespace millrace::log {
namespace {

TEST_F(EmbeddedProcesses, a_leader_killed_in_its_sync_is_replaced) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("survivor");
  const auto partition = topic_at(*log, "t");
  for (const char* point : {"sync.leader_before", "sync.leader_after"}) {
    Child leader([&] {
      auto own = open("leader");
      const DieAt death(point, 1, SIGKILL);
      const auto committed = put_all(*own, {partition}, "v");
      static_cast<void>(own->wait_durable(committed->position));
      return 1;
    });
    ASSERT_TRUE(was_killed(leader.wait())) << point;
    EXPECT_TRUE(log->wait_durable(log->committed()).has_value()) << point;
    EXPECT_EQ(log->durable(), log->committed());
  }
}

// A member that stops itself at the start of the sync that it does for all.
class StoppedLeader : public EmbeddedProcesses {
 protected:
  void SetUp() override {
    if (!fault_points_compiled_in()) {
      GTEST_SKIP() << "this build has no fault points";
    }
    // The timeout of `survivor` for a leader that does nothing.
    log_ = open("survivor", 200);
    partition_ = topic_at(*log_, "t");
    leader_.emplace([this] {
      auto own = open("leader");
      const DieAt death("sync.leader_before", 1, SIGSTOP);
      const auto committed = put_all(*own, {partition_}, "v");
      return own->wait_durable(committed->position) ? 0 : 1;
    });
    leader_->wait_stopped();
  }
  void continue_leader() {
    leader_->signal(SIGCONT);
    EXPECT_EQ(leader_->wait(), 0);
  }

  std::unique_ptr<Log> log_;
  TopicPartition partition_;

 private:
  std::optional<Child> leader_;
};

TEST_F(StoppedLeader, does_not_stop_the_others) {
  EXPECT_TRUE(log_->wait_durable(log_->committed()).has_value());
  continue_leader();
}

// A member that waits in vain takes the lead over for good, so that a second one finds it free.
TEST_F(StoppedLeader, costs_its_followers_their_timeout_only_once) {
  ASSERT_TRUE(log_->wait_durable(log_->committed()).has_value());
  const auto second = put_all(*log_, {partition_}, "w");
  // Its timeout ends behind the end of the test: only a lead that is free lets it through.
  auto waiting = open("waiting", 1'000'000);
  EXPECT_TRUE(waiting->wait_durable(second->position).has_value());
  continue_leader();
}

}  // namespace
}  // namespace millrace::log
