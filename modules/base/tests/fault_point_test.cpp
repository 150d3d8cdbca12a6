// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/fault_point.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "millrace/base/assert.hpp"

namespace millrace {
namespace {

// Passes the points of a plan in a child of its own; returns how waitpid saw it end or stop.
int status_of_child(const char* plan, int passes_of_a, int passes_of_b) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("MILLRACE_FAULT", plan, 1);
    for (int i = 0; i < passes_of_a; ++i) {
      detail::fault_point_reached("a");
    }
    for (int i = 0; i < passes_of_b; ++i) {
      detail::fault_point_reached("b.c");
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, WUNTRACED);
  if (WIFSTOPPED(status)) {
    ::kill(child, SIGKILL);
    int ignored = 0;
    ::waitpid(child, &ignored, 0);
  }
  return status;
}

bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }
bool exited(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

TEST(FaultPoint, the_planned_pass_kills_and_no_other) {
  EXPECT_TRUE(killed(status_of_child("a", 1, 0)));
  EXPECT_TRUE(exited(status_of_child("a:2", 1, 5), 0));
  EXPECT_TRUE(killed(status_of_child("a:2", 2, 0)));
  EXPECT_TRUE(killed(status_of_child("a:9:kill,b.c:3", 8, 3)));
  EXPECT_TRUE(exited(status_of_child("", 8, 3), 0));
}

TEST(FaultPoint, a_process_can_be_stopped_instead) {
  EXPECT_TRUE(WIFSTOPPED(status_of_child("a:1:stop", 1, 0)));
}

TEST(FaultPoint, a_plan_that_cannot_be_read_ends_the_process) {
  EXPECT_TRUE(exited(status_of_child("a:x", 1, 0), 2));
  EXPECT_TRUE(exited(status_of_child("a:0", 1, 0), 2));
  EXPECT_TRUE(exited(status_of_child("a:1:explode", 1, 0), 2));
  EXPECT_TRUE(exited(status_of_child(":1", 1, 0), 2));
}

TEST(FaultPoint, a_simulation_replaces_the_handler_and_may_throw) {
  const FaultHandler former =
      set_fault_handler([](std::string_view point) { throw SimulatedDeath{point}; });
  EXPECT_THROW(detail::fault_point_reached("commit.inside"), SimulatedDeath);
  EXPECT_NE(set_fault_handler(former), former);
}

TEST(AssertDeathTest, a_broken_invariant_aborts_with_its_reason) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(MILLRACE_ASSERT(1 + 1 == 3, "sums hold"), "sums hold");
}

}  // namespace
}  // namespace millrace
