// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>

#include "harness.hpp"
#include "run.hpp"

namespace estate {
namespace {

// A named point of a commit, and how services come there.
struct Point {
  const char* name;
  int pass;  ///< the one at which the service dies
  const char* durability;
  friend void PrintTo(const Point& point, std::ostream* out) { *out << point.name; }
};

// Under `sync` only who answers somebody outside leads a sync; under an interval every service does.
constexpr Point points[] = {
    {"lock.held", 25, "sync"},
    {"commit.before_frame", 25, "sync"},
    {"commit.inside_frame", 25, "sync"},
    {"commit.after_frame", 25, "sync"},
    {"commit.before_wake", 25, "sync"},
    {"commit.after_wake", 25, "sync"},
    {"stream.commit.before", 12, "sync"},
    {"stream.commit.after", 12, "sync"},
    {"sync.leader_before", 1, "interval=50"},
    {"sync.leader_after", 1, "interval=50"},
};

std::string name_of(const testing::TestParamInfo<Point>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class DeathAt : public testing::TestWithParam<Point> {};
INSTANTIATE_TEST_SUITE_P(Points, DeathAt, testing::ValuesIn(points), name_of);

TEST_P(DeathAt, loses_and_doubles_nothing_whichever_service_dies) {
  const TemporaryDirectory directory;
  const FaultyPrograms programs(directory.file("bin"));
  for (const std::string& service : service_names()) {
    programs.plan(service, std::string(GetParam().name) + ":" + std::to_string(GetParam().pass));
  }
  // Slow enough that every service has many turns.
  const Finished run = run_estate(directory, {"--once", "--stock", "ample", "--limit", "150", "--rate", "60", "--durability", GetParam().durability},
                                  programs.run_program());
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary) << run.output;
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("150")));
  for (const std::string& service : service_names()) {
    const auto found = summary->services.find(service);
    ASSERT_NE(found, summary->services.end()) << service;
    EXPECT_EQ(found->second.starts, 2) << service << " was to die once at " << GetParam().name;
  }
}

// The whole estate cannot go on while the holder of the log's lock is stopped: another service has to end it.
TEST(StoppedWriter, is_killed_by_one_who_waits_for_its_lock) {
  const TemporaryDirectory directory;
  const FaultyPrograms programs(directory.file("bin"));
  programs.plan("payments", "lock.held:20:stop");
  programs.plan("stock", "commit.after_frame:60:stop");
  const Finished run = run_estate(directory, {"--once", "--stock", "ample", "--limit", "150", "--in-flight", "4"}, programs.run_program());
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary) << run.output;
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("150")));
  for (const std::string& service : service_names()) {
    const bool stopped = service == "payments" || service == "stock";
    EXPECT_EQ(summary->services.at(service).starts, stopped ? 2 : 1) << service;
  }
}

}  // namespace
}  // namespace estate
