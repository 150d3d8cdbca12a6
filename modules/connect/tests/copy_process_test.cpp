// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "copy_logs.hpp"
#include "millrace/base/die_at.hpp"

// Copiers that are real processes and die.
namespace millrace::connect {
namespace {

struct Plan {
  std::string_view point;
  int nth = 1;
};

// Copies in a process of its own; true when that was killed as planned.
bool dies_copying(const std::string& source, const std::string& target, Plan at) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const DieAt death(at.point, at.nth, SIGKILL);
    CopyRun run;
    run.request.transaction_bytes = 300;
    const auto done = run.copy(*file_copy_log(source), *file_copy_log(target));
    ::_exit(done && done->differences.empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGKILL;
  EXPECT_EQ(WEXITSTATUS(status), 0) << at.point << " " << at.nth;
  return false;
}

class CopyProcess : public testing::TestWithParam<const char*> {};

TEST_P(CopyProcess, killed_again_and_again_loses_and_doubles_nothing) {
  if (!fault_points_compiled_in()) GTEST_SKIP();
  const CopyDirectory source_directory;
  const CopyDirectory target_directory;
  {
    const auto source = file_copy_log(source_directory.path());
    make_topic(*source, "orders", "orders");
    make_topic(*source, "payments", "payments");
    make_topic(*source, "orders.dead-letters", "orders");
    for (int i = 0; i < 40; ++i) {
      const std::string number = std::to_string(i);
      write(*source, "orders", i % 2, {{i, "k", number, {}}, {i, "l", number, {}}});
      write(*source, "payments", i % 2, {{i, "k", number, {}}});
    }
    write(*source, "orders.dead-letters", 0, {{1, "k", "v", {}}});
    for (const char* group : {"stock", "insights"}) {
      set_position(*source, group, "orders", 0, log::offset(7));
      set_position(*source, group, "payments", 1, log::offset(20));
    }
  }
  int deaths = 0;
  while (dies_copying(source_directory.path(), target_directory.path(), {GetParam(), deaths + 1})) {
    ++deaths;
    ASSERT_LT(deaths, 100);
  }
  EXPECT_GT(deaths, 0);
  const auto source = file_copy_log(source_directory.path());
  const auto target = file_copy_log(target_directory.path());
  const auto a = source->tool();
  const auto b = target->tool();
  for (const char* topic : {"orders", "payments", "orders.dead-letters"}) {
    for (std::int32_t p = 0; p < 2; ++p)
      EXPECT_EQ(contents(*b, topic, p), contents(*a, topic, p)) << topic << "-" << p;
  }
  for (const char* group : {"stock", "insights"}) {
    EXPECT_EQ(position_of(*target, group, "orders", 0), log::offset(7));
    EXPECT_EQ(position_of(*target, group, "payments", 1), log::offset(20));
  }
}

std::string point_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Points, CopyProcess,
                         testing::Values("copy.topic_made", "sink.before_commit",
                                         "sink.after_commit", "copy.landed",
                                         "copy.before_positions", "lock.held",
                                         "commit.before_frame", "commit.inside_frame",
                                         "commit.after_frame", "commit.after_publish"),
                         point_name);

}  // namespace
}  // namespace millrace::connect
