// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "harness.hpp"
#include "millrace/base/fault_point.hpp"
#include "run.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

// A named point of a commit, and the pass at which a service dies there: a few are for making
// topics.
struct Point {
  const char* name;
  int pass;
  friend void PrintTo(const Point& point, std::ostream* out) { *out << point.name; }
};

constexpr Point points[] = {
    {"lock.held", 15},           {"commit.before_frame", 15}, {"commit.inside_frame", 15},
    {"commit.after_frame", 15},  {"commit.before_wake", 15},  {"commit.after_wake", 15},
    {"stream.commit.before", 5}, {"stream.commit.after", 5},
};

std::string with_underscores(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::string name_of(const testing::TestParamInfo<Point>& info) {
  return with_underscores(info.param.name);
}

class DeathAt : public testing::TestWithParam<Point> {};
INSTANTIATE_TEST_SUITE_P(Points, DeathAt, testing::ValuesIn(points), name_of);

TEST_P(DeathAt, loses_and_doubles_nothing_whichever_service_dies) {
  if (!millrace::fault_points_compiled_in()) GTEST_SKIP() << "this build has no fault points";
  const TemporaryDirectory directory;
  const FaultyPrograms programs(directory.file("bin"));
  for (const std::string& service : service_names()) {
    programs.plan(service, std::string(GetParam().name) + ":" + std::to_string(GetParam().pass));
  }
  // Few at once, so that every service has many turns.
  const Finished run =
      run_retail(directory, {"--once", "--stock", "ample", "--limit", "150", "--in-flight", "4"},
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

// Starts again, without the fault, what a fault has killed.
class Reviver {
 public:
  explicit Reviver(Services& services) : services_(services) {}
  void look() {
    for (const std::string& name : service_names()) {
      if (services_.process(name).running()) continue;
      EXPECT_EQ(services_.process(name).wait(), (Exit{-1, SIGKILL})) << services_.log_of(name);
      EXPECT_TRUE(died_.insert(name).second) << name << " died twice";
      services_.start(name);
    }
  }
  [[nodiscard]] const std::set<std::string>& died() const { return died_; }

 private:
  Services& services_;
  std::set<std::string> died_;
};

class LeaderOfASync : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Points, LeaderOfASync,
                         testing::Values("sync.leader_before", "sync.leader_after"),
                         [](const auto& one) { return with_underscores(one.param); });

// With an interval every service leads a sync now and then. The shop stays open until each has died
// of it.
TEST_P(LeaderOfASync, loses_and_doubles_nothing_whichever_service_dies) {
  if (!millrace::fault_points_compiled_in()) GTEST_SKIP() << "this build has no fault points";
  const TemporaryDirectory directory;
  Services services(directory, {.arguments = {"--durability", "interval=50"}});
  for (const std::string& service : service_names())
    services.start(service, {.fault = GetParam()});
  Reviver reviver(services);
  std::int64_t posted = 0;
  while (reviver.died().size() < service_names().size()) {
    ASSERT_LT(posted, 20'000) << "not every service comes to " << GetParam();
    Shoppers shoppers(services, mixed_postings("L" + std::to_string(posted) + "-", 20), 4);
    posted += 20;
    ASSERT_TRUE(await("all are served", [&] {
      reviver.look();
      return shoppers.answered() == 20;
    }));
    EXPECT_TRUE(shoppers.all_answered(201));
  }
  ASSERT_TRUE(services.all_ready());
  ASSERT_TRUE(services.at_rest(posted));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, posted);
  EXPECT_EQ(audited.report.completed, audited.report.orders);
}

class Recoverer : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Points, Recoverer,
                         testing::Values("recovery.mapped", "recovery.before_cut",
                                         "recovery.after_cut", "recovery.before_checkpoint",
                                         "recovery.after_checkpoint", "recovery.before_share"),
                         [](const auto& one) { return with_underscores(one.param); });

// Everything is killed at once; then the first to open the log dies of recovering it, and so does
// the next.
TEST_P(Recoverer, that_dies_leaves_the_log_to_the_next) {
  if (!millrace::fault_points_compiled_in()) GTEST_SKIP() << "this build has no fault points";
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  Shoppers shoppers(services, mixed_postings("Y-", 80), 4);
  ASSERT_TRUE(await("the shop is busy", [&] { return shoppers.answered() > 20; }));
  services.kill_all();
  for (const std::string& service : service_names())
    services.start(service, {.fault = GetParam()});
  Reviver reviver(services);
  // Who is up has passed the recovery.
  ASSERT_TRUE(await("all are served and up", [&] {
    reviver.look();
    return shoppers.answered() == 80 && services.up();
  }));
  EXPECT_TRUE(shoppers.all_answered(201));
  EXPECT_FALSE(reviver.died().empty()) << "nobody came to " << GetParam();
  ASSERT_TRUE(services.at_rest(80));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, 80);
}

// The whole system cannot continue while the holder of the log's lock is stopped: another service
// has to end it.
TEST(StoppedWriter, is_killed_by_a_process_that_waits_for_its_lock) {
  if (!millrace::fault_points_compiled_in()) GTEST_SKIP() << "this build has no fault points";
  const TemporaryDirectory directory;
  const FaultyPrograms programs(directory.file("bin"));
  programs.plan("payments", "lock.held:20:stop");
  programs.plan("stock", "commit.after_frame:60:stop");
  const Finished run =
      run_retail(directory, {"--once", "--stock", "ample", "--limit", "150", "--in-flight", "4"},
                 programs.run_program());
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
}  // namespace retail_test
