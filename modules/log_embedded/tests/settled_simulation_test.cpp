// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "failing_files.hpp"
#include "keyed_partition.hpp"
#include "millrace/log/errors.hpp"
#include "settled/retention.hpp"

// Updates, tombstones, retention, compaction, deaths, errors and power cuts, all from one seed.
namespace millrace::log::embedded {
namespace {

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed), partition_(KeyedPartition::segments) {
    partition_.checkpoint_with_sync = false;
    options_ = small_compaction();
    options_.map_bytes = random_.below(2) == 0 ? 600 : 1U << 20U;
    options_.min_compaction_lag_ms = static_cast<std::int64_t>(random_.below(2) * 500);
    options_.segment_bytes = 1000 << random_.below(4);
  }

  void step() {
    partition_.now_ms += static_cast<std::int64_t>(random_.below(300));
    switch (random_.below(8)) {
      case 0:
        partition_.sync();
        if (random_.below(2) == 0) {
          partition_.make_checkpoint();
        }
        break;
      case 1:
      case 2:
        change([&](FileSystem& files) -> Status {
          MILLRACE_TRY(compact(files, settled_directory, options_, partition_.checkpoint(),
                               partition_.now_ms));
          return {};
        });
        break;
      case 3:
        change([&](FileSystem& files) -> Status { return remove(files); });
        break;
      case 4:
        lose_power();
        break;
      default:
        for (std::uint64_t left = 1 + random_.below(12); left > 0; --left) {
          partition_.append_random(random_, 30);
        }
        break;
    }
  }

  KeyedPartition& partition() { return partition_; }

 private:
  Status remove(FileSystem& files) {
    const RetentionLimits by_time{20'000, std::nullopt};
    const RetentionLimits by_bytes{std::nullopt, 10'000};
    if (random_.below(4) == 0) {
      MILLRACE_TRY(remove_before(files, settled_directory, offset(partition_.end().value / 3),
                                 partition_.checkpoint()));
      return {};
    }
    MILLRACE_TRY(apply_retention(files, settled_directory,
                                 random_.below(2) == 0 ? by_time : by_bytes,
                                 partition_.checkpoint(), partition_.now_ms));
    return {};
  }

  /// A change, during which a call may fail, or the process die.
  template <class Run>
  void change(Run run) {
    FailingFiles files(partition_.world.files);
    const auto number = static_cast<int>(1 + random_.below(120));
    const std::uint64_t how = random_.below(4);
    if (how == 1) {
      files.fail_call(number,
                      random_.below(2) == 0 ? millrace::errc::io_error : millrace::errc::disk_full);
    } else if (how == 2) {
      files.fail_from(number);
    }
    const Status done = run(files);
    ASSERT_TRUE(done || files.failed()) << done.error().to_string();
    if (how == 2 && files.failed()) {
      ASSERT_EQ(partition_.problem(), "");
      if (random_.below(2) == 0) {
        return lose_power();
      }
      partition_.reopen();
      ASSERT_EQ(partition_.leftovers(), "");
    }
  }

  void lose_power() {
    partition_.world.files.lose_power(random_);
    ASSERT_EQ(partition_.problem(), "");
    partition_.recover();
    ASSERT_EQ(partition_.leftovers(), "");
  }

  SeededRandom random_;
  KeyedPartition partition_;
  CompactionOptions options_;
};

TEST(SettledSimulation, whatever_happens_each_key_has_its_latest_value) {
  constexpr std::uint64_t seeds = 60;
  constexpr int steps = 60;
  std::uint64_t compacted = 0;
  std::uint64_t removed = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Simulation simulation(seed);
    for (int step = 0; step < steps; ++step) {
      simulation.step();
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << ", step " << step;
      ASSERT_EQ(simulation.partition().problem(), "") << "seed " << seed << ", step " << step;
    }
    compacted += simulation.partition().state().clean_until > offset(0) ? 1 : 0;
    removed += simulation.partition().state().tombstones_complete_from > offset(0) ? 1 : 0;
  }
  // Not a simulation in which nothing happens.
  EXPECT_GT(compacted, seeds / 2);
  EXPECT_GT(removed, seeds / 4);
}

}  // namespace
}  // namespace millrace::log::embedded
