// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "millrace/base/processes.hpp"

namespace millrace {
namespace {

/// What a child process calls itself; it is stopped when this returns.
ProcessName stopped_child(pid_t& pid) {
  int pipe[2] = {};
  EXPECT_EQ(::pipe(pipe), 0);
  pid = ::fork();
  if (pid == 0) {
    const std::uint64_t start_time = real_processes().self().start_time;
    const bool sent = ::write(pipe[1], &start_time, sizeof start_time) == sizeof start_time;
    ::kill(::getpid(), SIGSTOP);
    ::_exit(sent ? 0 : 1);
  }
  ProcessName name = real_processes().self();
  name.pid = pid;
  EXPECT_EQ(::read(pipe[0], &name.start_time, sizeof name.start_time),
            static_cast<ssize_t>(sizeof name.start_time));
  ::waitpid(pid, nullptr, WUNTRACED);
  ::close(pipe[0]);
  ::close(pipe[1]);
  return name;
}

TEST(ProcessName, of_a_process_that_runs_or_is_stopped_has_not_ended) {
  Processes& machine = real_processes();
  EXPECT_EQ(machine.self().pid, ::getpid());
  EXPECT_FALSE(machine.has_ended(machine.self()));
  pid_t pid = -1;
  const ProcessName child = stopped_child(pid);
  EXPECT_FALSE(machine.has_ended(child));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST(ProcessName, of_a_killed_process_has_ended_before_and_after_its_parent_looks) {
  Processes& machine = real_processes();
  pid_t pid = -1;
  const ProcessName child = stopped_child(pid);
  ::kill(pid, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(machine.has_ended(child));
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(machine.has_ended(child));
}

TEST(ProcessName, with_another_start_time_is_of_one_that_had_the_pid_before) {
  ProcessName earlier = real_processes().self();
  earlier.start_time -= 1;
  EXPECT_TRUE(real_processes().has_ended(earlier));
}

TEST(ProcessName, of_another_host_or_without_a_start_time_is_never_taken_for_dead) {
  ProcessName other = real_processes().self();
  other.start_time -= 1;
  other.host += "0";
  EXPECT_FALSE(real_processes().has_ended(other));
  ProcessName unknown = real_processes().self();
  unknown.start_time = 0;
  EXPECT_FALSE(real_processes().has_ended(unknown));
}

}  // namespace
}  // namespace millrace
