// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Slow is not dead: what a member does and says while its handlers take their time.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

// Time passes in the handlers, and nowhere else where the clock is the test's. On a cluster the
// session is so long that no pause of the machine ends it.
class Liveness : public Branches {
 protected:
  Liveness() { world_->set_session_timeout_ms(session_ms_); }

  // The bank whose handler takes so long for each record.
  Topology slow_bank(std::int64_t ms) {
    return bank({.on_process = [this, ms](const std::string&, const Deposited&) {
      ++calls_;
      for (std::int64_t left = ms; left > 0; left -= session_ms_ / 10)
        world_->let_pass(std::min(left, session_ms_ / 10));
    }});
  }

  static std::size_t lost(const Branch& branch) {
    return static_cast<std::size_t>(std::count_if(
        branch.events->begin(), branch.events->end(),
        [](const std::string& event) { return event.starts_with("warn: task lost"); }));
  }

  const std::int64_t session_ms_ = times(10'000, 1'000);
  std::size_t calls_ = 0;
};
INSTANTIATE_TEST_SUITE_P(On, Liveness, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Liveness, a_slow_handler_makes_progress_and_sees_each_record_once) {
  topology_ = slow_bank(session_ms_ / times(20, 1'000));
  const int records = times(60, 5'000);
  deposit(records);
  Branch one = open("bank-1");
  rest({&one});
  EXPECT_EQ(calls_, static_cast<std::size_t>(records));
  EXPECT_EQ(published(), static_cast<std::size_t>(records));
  EXPECT_EQ(one.instance->status().refused_commits, 0U);
  EXPECT_EQ(lost(one), 0U);
}

TEST_P(Liveness, a_record_that_takes_longer_than_the_session_costs_no_task) {
  topology_ = slow_bank(3 * session_ms_);
  deposit(5);
  Branch one = open("bank-1");
  rest({&one});
  EXPECT_EQ(calls_, 5U);
  EXPECT_EQ(published(), 5U);
  EXPECT_EQ(one.instance->status().refused_commits, 0U);
  EXPECT_EQ(lost(one), 0U);
}

TEST_P(Liveness, a_task_that_is_asked_back_is_released_long_before_its_batch_is_done) {
  topology_ = slow_bank(session_ms_ / 20);
  constexpr std::size_t records = 400;
  deposit(records);
  Branch one = open("bank-1");
  while (calls_ == 0)
    step(one);
  Branch two = open("bank-2");
  while (two.instance->status().tasks.size() < 2) {
    step(two);
    step(one);
    ASSERT_LT(calls_, records);
  }
  rest({&one, &two});
  EXPECT_EQ(calls_, records);
  EXPECT_EQ(published(), records);
}

TEST_P(Liveness, tasks_take_turns_when_time_ends_their_cycles) {
  topology_ = slow_bank(session_ms_ / 20);
  deposit(400);
  Branch one = open("bank-1");
  while (calls_ < 80)
    step(one);
  hear_of_all(*tool_);
  testkit::TopicReader reader(*tool_);
  std::set<std::int32_t> partitions;
  for (const testkit::RawRecord& record : reader.all("bank.balances"))
    partitions.insert(record.partition);
  EXPECT_EQ(partitions.size(), 4U);
}

// One whose handler is stuck until the end of the test, in a thread of its own.
TEST_P(Liveness, a_handler_that_does_not_return_keeps_its_claims) {
  std::atomic<bool> stuck = false;
  std::atomic<bool> released = false;
  topology_ = bank({.on_process = [&](const std::string&, const Deposited&) {
    if (stuck.exchange(true)) return;
    stuck.notify_all();
    released.wait(false);
  }});
  Branch one = open("bank-1");
  rest({&one});
  deposit(100);
  std::jthread worker([&] {
    while (!released)
      step(one);
  });
  struct Release {
    std::atomic<bool>& released;
    ~Release() {
      released = true;
      released.notify_all();
    }
  };
  {
    const Release at_the_end{released};
    stuck.wait(false);
    Branch two = open("bank-2");
    for (int i = 0; i < 12; ++i) {
      world_->let_pass(session_ms_ / 4);
      step(two);
      EXPECT_TRUE(two.instance->status().tasks.empty());
    }
  }
  worker.join();
  rest({&one});
  EXPECT_EQ(published(), 100U);
  EXPECT_EQ(one.instance->status().refused_commits, 0U);
}

}  // namespace
}  // namespace millrace::stream::test
