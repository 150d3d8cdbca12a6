// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_simulation.hpp"

#include <cstdlib>
#include <vector>

namespace millrace::log {
namespace {

constexpr std::uint64_t steps_of_seed = 500;
constexpr std::uint64_t seeds_of_test = 40;
constexpr std::uint64_t tests = 5;

/// A number of the environment, or the default.
std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// The first seed of each test. bench/soak names others: MILLRACE_SIMULATION_SEED is the only one
/// then, and MILLRACE_SIMULATION_SEEDS how many follow.
std::vector<std::uint64_t> first_seeds() {
  if (const std::uint64_t named = setting("MILLRACE_SIMULATION_SEED", 0); named > 0) {
    return {named};
  }
  std::vector<std::uint64_t> first;
  for (std::uint64_t test = 0; test < tests; ++test) {
    first.push_back(1 + test * seeds_of_test);
  }
  return first;
}

class LogSimulationSeeds : public LogSimulation, public testing::WithParamInterface<std::uint64_t> {
 protected:
  void expect_much_happened(std::uint64_t seeds) const {
    const auto most = static_cast<int>(seeds * 3 / 4);
    EXPECT_GT(seen_.commits, 100 * most);
    EXPECT_GT(seen_.repeated, 10 * most);
    EXPECT_GT(seen_.grants, 10 * most);
    EXPECT_GT(seen_.fenced, 10 * most);
    EXPECT_GT(seen_.deletions, 5 * most);
    EXPECT_GT(seen_.additions, 2 * most);
    EXPECT_GT(seen_.deaths, most);
    EXPECT_GT(seen_.failed_calls, most);
    EXPECT_GT(seen_.full_disks, most);
    EXPECT_GT(seen_.repairs, most / 2);
    EXPECT_GT(seen_.unknown_committed, most / 2);
    EXPECT_GT(seen_.unknown_lost, most / 2);
    EXPECT_GT(seen_.lost_commits, most / 2);
    EXPECT_GT(seen_.kept_histories, 10 * most);
    EXPECT_GT(seen_.lost_histories, most);
    EXPECT_GT(seen_.removed, most);
    EXPECT_GT(seen_.tombstones_removed, most / 2);
    EXPECT_GT(seen_.bulk_syncs, 5 * most);
    EXPECT_GT(seen_.reads, 10 * most);
  }
};

TEST_P(LogSimulationSeeds, whatever_happens_the_log_keeps_its_contract) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  const std::uint64_t seeds = setting("MILLRACE_SIMULATION_SEEDS", seeds_of_test);
  for (std::uint64_t seed = GetParam(); seed < GetParam() + seeds; ++seed) {
    begin(seed);
    for (std::uint64_t i = 0; i < steps_of_seed; ++i) {
      if (HasFailure()) {
        FAIL() << "seed " << seed << ", before step " << i;
      }
      step();
    }
    end();
    if (HasFailure()) {
      FAIL() << "seed " << seed << ", at the end";
    }
  }
  if (seeds >= seeds_of_test) {
    expect_much_happened(seeds);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogSimulationSeeds, testing::ValuesIn(first_seeds()));

}  // namespace
}  // namespace millrace::log
