// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "embedded_faults.hpp"
#include "hooked_files.hpp"

// When the name of a segment becomes durable. On a simulated machine.
namespace millrace::log {
namespace {

class SegmentNames : public EmbeddedFaults {
 protected:
  /// More than half of a segment: each begins a segment, but the first.
  Result<Committed> put_half(Log& log, TopicPartition partition) {
    values_.push_back(std::to_string(values_.size()) + std::string(40'000, 'x'));
    return put_all(log, {partition}, values_.back());
  }
  Result<Committed> put_small(Log& log, TopicPartition partition) {
    values_.push_back(std::to_string(values_.size()));
    return put_all(log, {partition}, values_.back());
  }

  std::vector<std::string> values_;
};

TEST_F(SegmentNames, are_not_synced_by_a_roll_but_by_the_next_sync_of_any_member) {
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto open = [&](const std::string& member) {
    return open_embedded(SimulatedMachine::directory, environment, options_of("stock", member),
                         machine_.embedded())
        .value();
  };
  const auto one = open("one");
  const auto two = open("two");
  const auto partition = topic_at(*one, "t");
  ASSERT_TRUE(put_half(*one, partition));
  for (const bool prepared : {true, false}) {
    if (prepared) {
      ASSERT_TRUE(one->maintain());
    }
    ASSERT_TRUE(one->wait_durable(one->committed()));
    const int before = files.directory_syncs();
    ASSERT_TRUE(put_half(*one, partition));
    EXPECT_EQ(files.directory_syncs(), before) << "under the writer lock";
    ASSERT_TRUE(two->wait_durable(two->committed()));
    EXPECT_EQ(files.directory_syncs(), before + 1);
    ASSERT_TRUE(one->wait_durable(put_small(*one, partition)->position));
    EXPECT_EQ(files.directory_syncs(), before + 1) << "once for each segment";
  }
  abandon(*one);
  abandon(*two);
  machine_.regions.lose_power();
  machine_.files.lose_power();
  EXPECT_TRUE(values_of(*machine_.open(), partition) == values_);
}

TEST_F(SegmentNames, are_synced_by_the_next_leader_when_one_dies_before_it_did) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point : {"sync.leader_before", "sync.before_names"}) {
    SimulatedMachine machine;
    values_.clear();
    auto survivor = machine.open(options_of("stock", "survivor"));
    const auto partition = topic_at(*survivor, "t");
    ASSERT_TRUE(put_half(*survivor, partition));
    auto victim = machine.open(options_of("stock", "victim"));
    const auto rolled = put_half(*victim, partition);
    ASSERT_TRUE(rolled) << rolled.error().to_string();
    plan(point, 1);
    ASSERT_TRUE(dies(*victim, [&] { static_cast<void>(victim->wait_durable(rolled->position)); }))
        << point;
    ASSERT_TRUE(survivor->wait_durable(rolled->position)) << point;
    abandon(*survivor);
    machine.regions.lose_power();
    machine.files.lose_power();
    survivor = machine.open();
    ASSERT_NE(survivor, nullptr) << point;
    EXPECT_TRUE(values_of(*survivor, partition) == values_) << point;
  }
}

TEST_F(SegmentNames, that_go_with_the_power_take_along_only_what_was_not_durable) {
  constexpr std::size_t durable = 2;
  LogOptions options = options_of();
  options.durability = DurabilityPolicy::os;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimulatedMachine machine;
    SeededRandom random(seed);
    values_.clear();
    auto log = machine.open(options);
    const auto partition = topic_at(*log, "t");
    for (std::size_t i = 0; i < durable; ++i) {
      ASSERT_TRUE(put_half(*log, partition));
    }
    machine.clock.advance_ms(60'000);
    ASSERT_TRUE(log->maintain()) << "a checkpoint";
    const std::size_t later = 2 + random.below(4);
    for (std::size_t i = 0; i < later; ++i) {
      ASSERT_TRUE(put_half(*log, partition));
    }
    const std::string journal = std::string(SimulatedMachine::directory) + "/journal/";
    auto names = machine.files.list(journal).value();
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".journal"); });
    ASSERT_EQ(names.size(), durable + later);
    // The disk keeps any of the names that were not synced.
    for (std::size_t i = durable; i < names.size(); ++i) {
      if (random.below(2) == 0) {
        ASSERT_TRUE(machine.files.remove(journal + names[i]));
      }
    }
    ASSERT_TRUE(machine.files.sync_directory(journal));
    abandon(*log);
    machine.lose_power(random);
    for (int life = 0; life < 2; ++life) {
      log = machine.open(options);
      ASSERT_NE(log, nullptr);
      const auto found = values_of(*log, partition);
      ASSERT_GE(found.size(), durable);
      ASSERT_LE(found.size(), values_.size());
      EXPECT_TRUE(std::equal(found.begin(), found.end(), values_.begin()));
      values_ = found;
      ASSERT_TRUE(put_small(*log, partition));
      ASSERT_TRUE(put_half(*log, partition));
      log.reset();
    }
    const auto report = verify_log(SimulatedMachine::directory, machine.environment);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_FALSE(report->corrupt || report->torn);
  }
}

}  // namespace
}  // namespace millrace::log
