// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Slow is not dead: what a member does and says while its handlers take their time.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <vector>

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

  static std::size_t reported(const Branch& branch, std::string_view beginning) {
    const std::vector<std::string> events = branch.events->all();
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(),
                      [&](const std::string& event) { return event.starts_with(beginning); }));
  }

  // What people see of an instance whose handler has a record in hand since three sessions, with so
  // many unprocessed.
  void expect_stuck(const Branch& branch, std::int64_t unprocessed) const {
    const InstanceStatus shown = branch.instance->status();
    EXPECT_TRUE(shown.ready);
    EXPECT_GE(shown.ms_since_progress, 3 * session_ms_);
    std::int64_t lag = 0;
    std::string in_hand;
    for (const InstanceStatus::Task& task : shown.tasks) {
      lag += task.lag;
      in_hand += task.in_hand;
      EXPECT_GE(task.oldest_unprocessed_ms, 0) << task.name;
    }
    EXPECT_GE(lag, unprocessed);
    // Where transactions have markers, those count.
    if (world_->ordered()) {
      EXPECT_EQ(lag, unprocessed);
    }
    EXPECT_TRUE(in_hand.starts_with("deposits/")) << in_hand;
    const std::optional<std::string> stalled = branch.instance->stalled();
    ASSERT_TRUE(stalled);
    EXPECT_NE(stalled->find("works on " + in_hand), std::string::npos) << *stalled;
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
  EXPECT_EQ(reported(one, "warn: task lost"), 0U);
}

TEST_P(Liveness, a_record_that_takes_longer_than_the_session_costs_no_task) {
  topology_ = slow_bank(3 * session_ms_);
  deposit(5);
  Branch one = open("bank-1");
  rest({&one});
  EXPECT_EQ(calls_, 5U);
  EXPECT_EQ(published(), 5U);
  EXPECT_EQ(one.instance->status().refused_commits, 0U);
  EXPECT_EQ(reported(one, "warn: task lost"), 0U);
}

// Files whose disk takes its time for each snapshot.
class SlowFiles final : public FileSystem {
 public:
  SlowFiles(FileSystem& inner, std::function<void()> before_snapshot)
      : inner_(inner), before_snapshot_(std::move(before_snapshot)) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (path.ends_with(".new")) before_snapshot_();
    return inner_.open(path, mode);
  }
  Status create_directories(const std::string& path) override {
    return inner_.create_directories(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return inner_.list(path);
  }
  bool exists(const std::string& path) override { return inner_.exists(path); }
  Status remove(const std::string& path) override { return inner_.remove(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return inner_.rename(from, to);
  }
  Status sync_directory(const std::string& path) override { return inner_.sync_directory(path); }

 private:
  FileSystem& inner_;
  std::function<void()> before_snapshot_;
};

TEST_P(Liveness, a_snapshot_that_takes_longer_than_the_session_costs_no_task) {
  int snapshots = 0;
  SlowFiles files(world_->files(), [&] {
    // Not for each, or a cluster waits for long.
    if (++snapshots > 3) return;
    for (int i = 0; i < 30; ++i)
      world_->let_pass(session_ms_ / 10);
  });
  InstanceOptions options;
  options.state_directory = "state";
  options.snapshot_interval_ms = 1;
  Branch one = open("bank-1", options, &files);
  rest({&one});
  Branch two = open("bank-2");
  rest({&one, &two});
  deposit(40);
  rest({&one, &two});
  EXPECT_GT(snapshots, 0);
  EXPECT_EQ(one.instance->status().tasks.size(), 2U);
  EXPECT_EQ(published(), 40U);
  for (const Branch* branch : {&one, &two}) {
    EXPECT_EQ(branch->instance->status().refused_commits, 0U);
    EXPECT_EQ(reported(*branch, "warn: task lost"), 0U);
  }
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

// Nothing is to be restored here, and the first cycle may take long.
TEST_P(Liveness, an_instance_is_ready_when_it_is_restored_and_not_after_its_first_cycle) {
  const Instance* instance = nullptr;
  std::vector<bool> ready;
  topology_ = bank({.on_process = [&](const std::string&, const Deposited&) {
    ready.push_back(instance->ready());
  }});
  deposit(20);
  Branch one = open("bank-1");
  instance = one.instance.get();
  rest({&one});
  EXPECT_EQ(ready, std::vector<bool>(20, true));
}

// One whose handler is stuck until the end of the test, in a thread of its own.
TEST_P(Liveness, a_handler_that_does_not_return_keeps_its_claims_and_is_shown) {
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
    deposit(50);
    for (int i = 0; i < 4; ++i)
      world_->let_pass(session_ms_ / 4);
    expect_stuck(one, 150);
    EXPECT_EQ(reported(one, "warn: no progress: nothing was committed for "), 1U);
  }
  worker.join();
  rest({&one});
  EXPECT_EQ(published(), 150U);
  EXPECT_EQ(one.instance->status().refused_commits, 0U);
  EXPECT_EQ(one.instance->stalled(), std::nullopt);
  world_->let_pass();
  EXPECT_EQ(reported(one, "info: progress again"), 1U);
}

}  // namespace
}  // namespace millrace::stream::test
