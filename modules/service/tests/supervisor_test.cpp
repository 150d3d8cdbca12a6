// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

namespace millrace::service {
namespace {

ChildSpec shell(std::string name, std::string script, std::string log_file = "") {
  return {std::move(name), {"/bin/sh", "-c", std::move(script)}, std::move(log_file)};
}

// Turns the supervisor until the condition holds; the test's own time-out ends it when it never
// does.
void turn_until(Supervisor& supervisor, const std::function<bool(const ChildStatus&)>& holds) {
  while (!holds(supervisor.status().front()))
    supervisor.poll(1'000);
}

TEST(Supervisor, a_child_that_is_killed_is_started_again) {
  Supervisor supervisor({}, real_clock());
  ASSERT_TRUE(supervisor.start(shell("sleeper", "exec sleep 1000")));
  const std::int64_t first = supervisor.status().front().pid;
  ASSERT_TRUE(supervisor.signal("sleeper", SIGKILL));
  turn_until(supervisor, [](const ChildStatus& child) { return child.starts == 2; });
  const ChildStatus child = supervisor.status().front();
  EXPECT_NE(child.pid, first);
  EXPECT_EQ(child.state, ChildState::running);
  EXPECT_EQ(child.last_exit, "killed by SIGKILL");
}

TEST(Supervisor, the_processor_time_of_a_running_child_counts) {
  Supervisor supervisor({}, real_clock());
  ASSERT_TRUE(supervisor.start(shell("busy", "while :; do :; done")));
  turn_until(supervisor, [&](const ChildStatus& child) {
    return child.state == ChildState::running && child.cpu_seconds > 0;
  });
  EXPECT_EQ(supervisor.status().front().starts, 1U);
}

TEST(Supervisor, a_child_that_always_dies_is_started_again_and_again_with_a_growing_pause) {
  ManualClock clock;
  Supervisor supervisor({.backoff_first_ms = 1, .backoff_max_ms = 8, .healthy_after_ms = 1'000},
                        clock);
  ASSERT_TRUE(supervisor.start(shell("failing", "exit 3")));
  for (std::uint32_t starts = 2; starts < 7; ++starts) {
    turn_until(supervisor,
               [](const ChildStatus& child) { return child.state == ChildState::backing_off; });
    EXPECT_EQ(supervisor.status().front().last_exit, "exit 3");
    const std::int64_t pause = std::min<std::int64_t>(1 << (starts - 2), 8);
    clock.advance_ms(pause - 1);
    supervisor.poll(0);
    EXPECT_EQ(supervisor.status().front().starts, starts - 1) << "before its pause was over";
    clock.advance_ms(1);
    supervisor.poll(0);
    EXPECT_EQ(supervisor.status().front().starts, starts);
  }
}

TEST(Supervisor, a_program_that_is_not_there_is_an_error_that_names_it) {
  Supervisor supervisor({}, real_clock());
  const Status started = supervisor.start({"ghost", {"/nonexistent/program"}, ""});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), testing::HasSubstr("/nonexistent/program"));
}

TEST(Supervisor, what_a_child_prints_goes_to_its_log_file) {
  const std::string file =
      testing::TempDir() + "supervisor_test_" + std::to_string(::getpid()) + ".log";
  Supervisor supervisor({}, real_clock());
  ASSERT_TRUE(
      supervisor.start(shell("talker", "echo hello; echo trouble >&2; exec sleep 1000", file)));
  std::string text;
  while (text.find("trouble") == std::string::npos) {
    supervisor.poll(1);
    std::ifstream in(file);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_THAT(text, testing::HasSubstr("hello\n"));
  std::remove(file.c_str());
}

TEST(Supervisor, children_stop_by_sigterm_in_the_opposite_order_and_stay_stopped) {
  const std::string file =
      testing::TempDir() + "supervisor_order_" + std::to_string(::getpid()) + ".log";
  Supervisor supervisor({}, real_clock());
  const auto child = [&](const std::string& name) {
    return shell(name,
                 "trap 'echo " + name + " ends; exit 0' TERM; echo " + name +
                     " is up; while :; do sleep 0.01; done",
                 file);
  };
  ASSERT_TRUE(supervisor.start(child("first")));
  ASSERT_TRUE(supervisor.start(child("second")));
  std::string text;
  while (text.find("first is up") == std::string::npos ||
         text.find("second is up") == std::string::npos) {
    supervisor.poll(1);
    std::ifstream in(file);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_TRUE(supervisor.stop_all(60'000).empty());
  std::ifstream in(file);
  text.assign(std::istreambuf_iterator<char>(in), {});
  EXPECT_LT(text.find("second ends"), text.find("first ends"));
  for (const ChildStatus& status : supervisor.status())
    EXPECT_EQ(status.state, ChildState::stopped);
  std::remove(file.c_str());
}

TEST(Supervisor, a_child_that_ignores_sigterm_is_killed_after_its_time) {
  Supervisor supervisor({}, real_clock());
  ASSERT_TRUE(supervisor.start(shell("deaf", "trap '' TERM; while :; do sleep 0.01; done")));
  // The shell may not have set its trap yet; then it ends by SIGTERM and there is nothing to kill.
  const auto killed = supervisor.stop_all(200);
  EXPECT_EQ(supervisor.status().front().state, ChildState::stopped);
  EXPECT_THAT(supervisor.status().front().last_exit,
              killed.empty() ? "killed by SIGTERM" : "killed by SIGKILL");
}

}  // namespace
}  // namespace millrace::service
