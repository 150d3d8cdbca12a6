// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control.hpp"
#include "embedded_faults.hpp"
#include "hooked_files.hpp"

// Processes that wait for another one which opens the log. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

class OpeningWatched : public EmbeddedFaults {
 protected:
  Result<std::unique_ptr<Log>> open_waiting() {
    EmbeddedOptions embedded = machine_.embedded();
    embedded.notice = [this](std::string_view line) {
      lines_.emplace_back(line);
      if (noticed_) {
        noticed_();
      }
    };
    return open_embedded(SimulatedMachine::directory, machine_.environment,
                         options_of("stock", "waiting"), embedded);
  }
  [[nodiscard]] std::int64_t now_ms() { return machine_.clock.monotonic_ns() / 1'000'000; }
  /// Another process has begun to open the log: it holds the lock, and its control file shows how
  /// far it is.
  void begin_opening() {
    opener_ = machine_.regions.open(SimulatedMachine::directory, false).value();
    ASSERT_TRUE(opener_->try_lock(SharedRegion::LockMode::exclusive).value());
    char* const memory = opener_->map(sizeof(embedded::Control), true).value();
    control_ = reinterpret_cast<embedded::Control*>(memory);
    control_->magic = embedded::control_magic;
    control_->layout = embedded::control_layout;
    control_->bytes = sizeof(embedded::Control);
    control_->device = opener_->identity().device;
    control_->inode = opener_->identity().inode;
    control_->boot = opener_->identity().boot;
    control_->pid_namespace = opener_->identity().pid_namespace;
    control_->opener = opener_->identity().pid;
    control_->opening_all = 100ULL << 20U;
  }
  [[nodiscard]] std::string pid() const { return std::to_string(opener_->identity().pid); }
  void step_every(std::int64_t ms) {
    machine_.regions.schedule(machine_.clock.monotonic_ns() + ms * 1'000'000, [this, ms] {
      control_->opening_done.fetch_add(1U << 20U);
      control_->opening_steps.fetch_add(1);
      if (--steps_left_ > 0) {
        step_every(ms);
      } else if (dies_at_the_end_) {
        opener_->die();
      }
    });
  }

  std::vector<std::string> lines_;
  std::function<void()> noticed_;
  std::unique_ptr<SharedRegion> opener_;
  embedded::Control* control_ = nullptr;
  int steps_left_ = 0;
  bool dies_at_the_end_ = false;
};

TEST_F(OpeningWatched, is_waited_for_as_long_as_it_makes_progress) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  steps_left_ = 30;
  dies_at_the_end_ = true;
  step_every(50'000);
  const std::int64_t before_ms = now_ms();
  const auto log = open_waiting();
  ASSERT_TRUE(log) << log.error().to_string();
  EXPECT_GE(now_ms(), before_ms + 30 * 50'000)
      << "it opened the log itself when the other one died";
  ASSERT_GT(lines_.size(), 30U);
  EXPECT_THAT(lines_.front(), HasSubstr("process " + pid()));
  EXPECT_THAT(lines_.front(), HasSubstr("0 of 100 MiB"));
  EXPECT_THAT(lines_.back(), HasSubstr("29 of 100 MiB"));
}

TEST_F(OpeningWatched, is_waited_for_when_it_is_of_another_version) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  control_->layout = embedded::control_layout + 1;
  control_->bytes += 4096;
  steps_left_ = 3;
  dies_at_the_end_ = true;
  step_every(50'000);
  const auto log = open_waiting();
  ASSERT_TRUE(log) << log.error().to_string();
  ASSERT_FALSE(lines_.empty());
  EXPECT_THAT(lines_.back(), HasSubstr("2 of 100 MiB"));
}

TEST_F(OpeningWatched, is_named_when_it_is_stuck) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  steps_left_ = 3;
  step_every(50'000);
  const std::int64_t before_ms = now_ms();
  const auto log = open_waiting();
  ASSERT_FALSE(log);
  EXPECT_TRUE(log.error().is(millrace::errc::busy)) << log.error().to_string();
  EXPECT_THAT(log.error().message(), HasSubstr("process " + pid()));
  EXPECT_THAT(log.error().message(), HasSubstr("3 of 100 MiB"));
  EXPECT_GT(now_ms(), before_ms + 3 * 50'000 + 60'000);
}

TEST_F(OpeningWatched, is_not_stuck_in_time_in_which_the_waiting_process_stood_still) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  // For an hour, as in a container that is paused.
  machine_.regions.schedule(machine_.clock.monotonic_ns() + 1'000'000,
                            [this] { machine_.clock.advance_ms(3'600'000); });
  steps_left_ = 1;
  dies_at_the_end_ = true;
  step_every(3'610'000);
  const auto log = open_waiting();
  EXPECT_TRUE(log) << log.error().to_string();
}

TEST_F(OpeningWatched, of_another_boot_or_namespace_names_no_pid) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  control_->pid_namespace += 1;
  const auto other_namespace = open_waiting();
  ASSERT_FALSE(other_namespace);
  EXPECT_THAT(other_namespace.error().message(), HasSubstr("a process of another PID namespace"));
  control_->boot += 1;
  lines_.clear();
  const auto other_boot = open_waiting();
  ASSERT_FALSE(other_boot);
  EXPECT_THAT(other_boot.error().message(), HasSubstr("other processes have this log open"));
  EXPECT_TRUE(lines_.empty());
}

TEST_F(OpeningWatched, shows_no_pid_any_more_when_it_failed) {
  {
    const auto log = machine_.open();
    ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, std::string(5'000, 'x')));
  }
  const std::string first =
      std::string(SimulatedMachine::directory) + "/journal/00000000000000000000.journal";
  ASSERT_TRUE(machine_.files.flip_bit(first, 3'000, 1));
  ASSERT_FALSE(machine_.try_open());
  opener_ = machine_.regions.open(SimulatedMachine::directory, false).value();
  ASSERT_TRUE(opener_->try_lock(SharedRegion::LockMode::exclusive).value());
  const auto waited = open_waiting();
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.error().message(), HasSubstr("other processes have this log open"));
}

TEST_F(OpeningWatched, needs_no_line_when_it_is_quick) {
  ASSERT_NE(machine_.open(), nullptr);
  begin_opening();
  steps_left_ = 1;
  dies_at_the_end_ = true;
  step_every(100);
  ASSERT_TRUE(open_waiting());
  EXPECT_TRUE(lines_.empty());
}

/// A real opening that stops before a read until it may continue.
class Turns {
 public:
  /// Of the one that opens the log.
  void stop() {
    std::unique_lock lock(mutex_);
    opener_runs_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return opener_runs_; });
  }
  void end() {
    const std::unique_lock lock(mutex_);
    opener_runs_ = false;
    ended_ = true;
    changed_.notify_all();
  }
  /// Of the one that waits: lets the other run to its next stop, or to the end.
  void give() {
    std::unique_lock lock(mutex_);
    if (!ended_) {
      opener_runs_ = true;
      changed_.notify_all();
      wait_for_stop(lock);
    }
  }
  void await_stop() {
    std::unique_lock lock(mutex_);
    wait_for_stop(lock);
  }

 private:
  void wait_for_stop(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [this] { return !opener_runs_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool opener_runs_ = true;
  bool ended_ = false;
};

TEST_F(OpeningWatched, shows_how_far_it_is) {
  {
    const auto log = machine_.open();
    const TopicPartition partition = topic_at(*log, "t");
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(put_all(*log, {partition}, std::string(60'000, 'x')));
    }
  }
  const std::string journal = std::string(SimulatedMachine::directory) + "/journal/";
  const auto names = machine_.files.list(journal).value();
  for (const std::string& name : names) {
    if (name.ends_with(".batches")) {
      ASSERT_TRUE(machine_.files.remove(journal + name));
    }
  }
  Turns turns;
  HookedFiles stopping(machine_.files);
  LogEnvironment environment{machine_.clock, stopping, machine_.random, machine_.processes};
  // Frames fill a segment each, and are read by one read each.
  stopping.before_read(20, [&] {
    turns.stop();
    stopping.before_read(20, [&] { turns.stop(); });
  });
  std::unique_ptr<Log> first;
  std::thread opener([&] {
    auto opened = open_embedded(SimulatedMachine::directory, environment,
                                options_of("stock", "first"), machine_.embedded());
    EXPECT_TRUE(opened) << opened.error().to_string();
    first = opened ? *std::move(opened) : nullptr;
    turns.end();
  });
  turns.await_stop();
  noticed_ = [&] { turns.give(); };
  const auto second = open_waiting();
  opener.join();
  ASSERT_TRUE(second) << second.error().to_string();
  ASSERT_EQ(lines_.size(), 2U) << "one for each stop";
  EXPECT_NE(lines_[0], lines_[1]) << "it came further in between";
  EXPECT_THAT(lines_[0], HasSubstr("of 3 MiB of its journal"));
  EXPECT_EQ(values_of(**second, {(*second)->find_topic("t")->id, partition(0)}).size(), 60U);
}

}  // namespace
}  // namespace millrace::log
