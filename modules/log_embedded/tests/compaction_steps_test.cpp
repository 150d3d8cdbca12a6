// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "hooked_files.hpp"
#include "keyed_partition.hpp"
#include "millrace/log/errors.hpp"
#include "settled/compaction.hpp"
#include "settled/retention.hpp"

// A compaction that is done in steps or stopped, and when one is due.
namespace millrace::log::embedded {
namespace {

/// How many records before `end` have a key that a later one before `end` has, too.
std::size_t keys_twice(KeyedPartition& partition, Offset end) {
  std::map<std::string, int> seen;
  std::size_t count = 0;
  for (const auto& [at, record] : partition.read_records()) {
    if (at < end.value && record.key && seen[*record.key]++ > 0) {
      ++count;
    }
  }
  return count;
}

TEST(CompactionSteps, in_steps_it_ends_as_at_once_whatever_a_writer_does_in_between) {
  KeyedPartition partition(11, 200);
  const Offset end = partition.end();
  CompactionOptions options = small_compaction();
  options.map_bytes = 300;
  Compaction compaction(partition.world.files, settled_directory, options, partition.checkpoint(),
                        partition.now_ms);
  SeededRandom random(11);
  int steps = 1;
  for (bool done = false; !done; ++steps) {
    const auto stepped = compaction.step(1);
    ASSERT_TRUE(stepped) << stepped.error().to_string();
    done = *stepped;
    ASSERT_EQ(partition.problem(), "") << steps;
    partition.append_random(random, 12);
    partition.sync();
    partition.reopen();
    ASSERT_EQ(partition.leftovers(), "") << steps;
  }
  EXPECT_GT(steps, 20);
  EXPECT_EQ(keys_twice(partition, compaction.result().state.clean_until), 0U);
  EXPECT_LE(compaction.result().state.clean_until, end);
  KeyedPartition at_once(11, 200);
  ASSERT_TRUE(compact(at_once, options));
  const auto in_steps = partition.read_records();
  for (const auto& [at, record] : at_once.read_records()) {
    EXPECT_TRUE(in_steps.contains(at)) << at;
  }
  EXPECT_EQ(compaction.result().state.clean_until, at_once.state().clean_until);
}

TEST(CompactionSteps, segments_may_be_removed_between_two_steps) {
  KeyedPartition partition(12, 200);
  Compaction compaction(partition.world.files, settled_directory, small_compaction(),
                        partition.checkpoint(), partition.now_ms);
  for (bool done = false; !done;) {
    const auto stepped = compaction.step(1);
    ASSERT_TRUE(stepped) << stepped.error().to_string();
    done = *stepped;
    const auto bases = partition.world.bases();
    ASSERT_TRUE(remove_before(partition.world.files, settled_directory, bases[bases.size() / 4],
                              partition.checkpoint()));
    ASSERT_EQ(partition.problem(), "");
  }
  EXPECT_EQ(keys_twice(partition, compaction.result().state.clean_until), 0U);
}

TEST(CompactionSteps, stopped_anywhere_it_leaves_what_readers_need) {
  for (int number = 0;; ++number) {
    KeyedPartition partition(13, 60);
    std::atomic<bool> stop = false;
    HookedFiles files(partition.world.files);
    files.before_read(number, [&] { stop = true; });
    CompactionOptions options = small_compaction();
    options.stop = &stop;
    const auto done =
        compact(files, settled_directory, options, partition.checkpoint(), partition.now_ms);
    ASSERT_EQ(partition.problem(), "") << number;
    if (!stop) {
      ASSERT_TRUE(done);
      EXPECT_GT(number, 50);
      return;
    }
    ASSERT_TRUE(done || done.error().is(errc::closed)) << done.error().to_string();
    ASSERT_TRUE(compact(partition, small_compaction()));
    ASSERT_EQ(partition.leftovers(), "") << number;
    ASSERT_EQ(keys_twice(partition, partition.state().clean_until), 0U) << number;
  }
}

TEST(CompactionSteps, is_due_when_as_much_is_new_as_was_compacted) {
  KeyedPartition partition(14, 100);
  CompactionOptions options = small_compaction();
  options.delete_retention_ms = 1'000'000'000;
  const auto due = [&] {
    return compaction_due(partition.world.files, settled_directory, options, partition.checkpoint(),
                          partition.now_ms)
        .value();
  };
  EXPECT_TRUE(due());
  ASSERT_TRUE(compact(partition, options));
  EXPECT_FALSE(due());
  SeededRandom random(14);
  int appended = 0;
  for (; !due(); ++appended) {
    ASSERT_LT(appended, 1'000);
    partition.append_random(random, 12);
    partition.sync();
  }
  EXPECT_GT(appended, 3);
  ASSERT_TRUE(compact(partition, options));
  EXPECT_FALSE(due());
  partition.now_ms += 2'000'000'000;
  EXPECT_TRUE(due()) << "the time of tombstones is over";
}

}  // namespace
}  // namespace millrace::log::embedded
