// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "harness.hpp"
#include "run.hpp"

namespace retail_test {
namespace {

TEST(WholeYear, twice_in_ample_comes_to_what_the_file_says_each_time) {
  const TemporaryDirectory directory;
  const Finished run =
      run_retail(directory, {"--once", "--stock", "ample", "--passes", "2", "--retention", "0"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  for (const char* file : {"data/summary.json", "data/summary-2.json"}) {
    const auto summary = read_summary(directory.file(file));
    ASSERT_TRUE(summary) << file;
    EXPECT_TRUE(holds(summary->audit)) << file;
    EXPECT_TRUE(same_outcome(*summary, expected_in_ample("year"))) << file;
  }
  const Audited second = audit_pass(directory, 2);
  EXPECT_EQ(second.exit, (Exit{0, 0})) << second.output;
  EXPECT_TRUE(same_outcome(second.report, expected_in_ample("year")));
}

TEST(WholeYear, in_ample_under_chaos_comes_to_what_the_file_says) {
  const TemporaryDirectory directory;
  const Finished run =
      run_retail(directory, {"--once", "--stock", "ample", "--chaos", "0.5", "--seed", "11"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("year")));
  EXPECT_GT(summary->kills, 2);
}

class WholeYearInScarce : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Chaos, WholeYearInScarce, testing::Values("0", "0.5"),
                         [](const auto& one) {
                           return std::string(one.param) == "0" ? "undisturbed" : "under_chaos";
                         });

TEST_P(WholeYearInScarce, rejects_orders_for_each_reason_and_the_audit_holds) {
  const TemporaryDirectory directory;
  const Finished run =
      run_retail(directory, {"--once", "--stock", "scarce", "--chaos", GetParam(), "--seed", "12"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  const Outcome expected = expected_in_ample("year");
  EXPECT_EQ(summary->invoices, expected.invoices);
  EXPECT_EQ(summary->orders, expected.orders);
  EXPECT_EQ(summary->returns, expected.returns);
  EXPECT_EQ(summary->write_offs, expected.write_offs);
  EXPECT_EQ(summary->dead_lettered, expected.dead_lettered);
  EXPECT_EQ(summary->completed + summary->rejected, summary->orders);
  for (const char* reason : {"out_of_stock", "payment_declined", "packing_failed"}) {
    EXPECT_TRUE(summary->rejected_by.contains(reason) && summary->rejected_by.at(reason) > 0)
        << reason;
  }
}

// Kills come about as fast as services start; run after run, each under a seed of its own, until
// there were enough.
TEST(Chaos, two_hundred_seeded_kills_change_no_outcome) {
  std::int64_t kills = 0;
  for (int seed = 1; kills < 200; ++seed) {
    ASSERT_LE(seed, 40) << "too few kills in each run: " << kills;
    const TemporaryDirectory directory;
    const Finished run =
        run_retail(directory, {"--once", "--stock", "ample", "--limit", "600", "--rate", "60",
                               "--chaos", "0.15", "--seed", std::to_string(seed)});
    ASSERT_EQ(run.exit, (Exit{0, 0})) << "seed " << seed << "\n" << run.output;
    const auto summary = read_summary(directory.file("data/summary.json"));
    ASSERT_TRUE(summary);
    ASSERT_TRUE(holds(summary->audit)) << "seed " << seed;
    ASSERT_TRUE(same_outcome(*summary, expected_in_ample("600"))) << "seed " << seed;
    kills += summary->kills;
  }
  RecordProperty("kills", static_cast<int>(kills));
}

}  // namespace
}  // namespace retail_test
