// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "keyed_partition.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "settled/batch_rewriter.hpp"

// Tombstones and the time at which they go: KIP-534.
namespace millrace::log::embedded {
namespace {

constexpr std::int64_t stay_ms = 1000;

/// A value of "a", its tombstone, and enough behind them to close the segment.
struct Deleted {
  Deleted() {
    partition.append({{"a", "old", 1000, {}}, {"b", "kept", 990, {}}});
    partition.append({{"c", "x", 2000, {}}, {"a", std::nullopt, 1500, {}}, {"d", "y", 2500, {}}});
    close_segment();
  }
  void close_segment() {
    for (const std::size_t before = partition.world.bases().size();
         partition.world.bases().size() == before;) {
      partition.append({{"filler", std::string(200, 'f'), 3000, {}}});
      partition.sync();
    }
  }
  [[nodiscard]] bool has_tombstone() { return partition.read_records().contains(3); }
  [[nodiscard]] std::string batch_of_tombstone() {
    auto reader = SegmentReader::open(partition.world.files, settled_directory);
    SettledBatches read;
    EXPECT_TRUE(reader->read(offset(3), partition.end(), 1, read));
    return std::string(read.view(read.batches.at(0)));
  }
  KeyedPartition partition;
};

TEST(SettledTombstones, stay_for_their_time_after_the_first_compaction_and_then_go) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  partition.now_ms = 5'000'000;
  auto done = compact(partition, small_compaction());
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->state.next_horizon_ms, 5'000'000 + stay_ms);
  EXPECT_EQ(done->state.tombstones_complete_from, offset(0));
  EXPECT_TRUE(world.has_tombstone());
  EXPECT_FALSE(partition.read_records().contains(0));
  partition.now_ms += stay_ms - 1;
  done = compact(partition, small_compaction());
  ASSERT_TRUE(done);
  EXPECT_EQ(done->rounds, 0U);
  EXPECT_TRUE(world.has_tombstone());
  partition.now_ms += 1;
  done = compact(partition, small_compaction());
  ASSERT_TRUE(done);
  EXPECT_FALSE(world.has_tombstone());
  EXPECT_EQ(done->counts.tombstones_removed, 1U);
  EXPECT_EQ(done->state.tombstones_complete_from, offset(4));
  EXPECT_EQ(done->state.next_horizon_ms, CompactionState::no_horizon);
  EXPECT_EQ(partition.problem(), "");
  EXPECT_EQ(compact(partition, small_compaction())->rounds, 0U);
}

TEST(SettledTombstones, their_time_is_kept_in_the_batch_as_kafka_does_and_no_record_changes) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  partition.now_ms = 1'700'000'000'000;
  const std::string before = world.batch_of_tombstone();
  ASSERT_TRUE(compact(partition, small_compaction()));
  const std::string after = world.batch_of_tombstone();
  EXPECT_EQ(load_big<std::int16_t>(after.data() + batch_layout::attributes), 0x40);
  EXPECT_EQ(load_big<std::int64_t>(after.data() + batch_layout::base_timestamp),
            1'700'000'000'000 + stay_ms);
  std::vector<RecordView> old_records;
  std::vector<RecordView> new_records;
  ASSERT_TRUE(decode_batch(before, old_records));
  ASSERT_TRUE(decode_batch(after, new_records));
  ASSERT_EQ(new_records.size(), old_records.size());
  for (std::size_t i = 0; i < old_records.size(); ++i) {
    EXPECT_EQ(new_records[i].timestamp_ms, old_records[i].timestamp_ms);
    EXPECT_EQ(new_records[i].value, old_records[i].value);
  }
  const auto header = read_batch_header(after);
  EXPECT_EQ(header->max_timestamp_ms, 2500);
  EXPECT_EQ(header->last_offset_delta, 2);
}

TEST(SettledTombstones, a_later_compaction_does_not_prolong_their_time) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  partition.now_ms = 5'000'000;
  ASSERT_TRUE(compact(partition, small_compaction()));
  partition.now_ms += stay_ms / 2;
  partition.append({{"c", "newer", 4000, {}}});
  world.close_segment();
  const auto done = compact(partition, small_compaction());
  ASSERT_TRUE(done && done->rounds > 0);
  EXPECT_FALSE(partition.read_records().contains(2)) << "the batch was rewritten";
  EXPECT_EQ(delete_horizon_ms(*read_batch_header(world.batch_of_tombstone())), 5'000'000 + stay_ms);
}

TEST(SettledTombstones, a_batch_without_a_tombstone_left_has_no_time_any_more) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  ASSERT_TRUE(compact(partition, small_compaction()));
  partition.append({{"a", "back", 4000, {}}});
  world.close_segment();
  const auto done = compact(partition, small_compaction());
  ASSERT_TRUE(done && done->rounds > 0);
  EXPECT_FALSE(world.has_tombstone());
  const auto header = read_batch_header(world.batch_of_tombstone());
  EXPECT_EQ(delete_horizon_ms(*header), std::nullopt);
  EXPECT_EQ(done->state.next_horizon_ms, CompactionState::no_horizon);
  EXPECT_EQ(done->state.tombstones_complete_from, offset(0));
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledTombstones, that_stay_for_ever_have_a_time_that_does_not_come) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  CompactionOptions options = small_compaction();
  options.delete_retention_ms = std::numeric_limits<std::int64_t>::max();
  const auto done = compact(partition, options);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->state.next_horizon_ms, CompactionState::no_horizon - 1);
  EXPECT_TRUE(world.has_tombstone());
}

// A round over the first segments alone, such as after the lag was raised.
TEST(SettledTombstones, behind_what_a_round_sees_are_not_forgotten) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  const Offset first_end = partition.world.bases().back();
  partition.now_ms = 5'000'000;
  partition.append({{"e", std::nullopt, 4000, {}}});
  world.close_segment();
  ASSERT_TRUE(compact(partition, small_compaction()));
  partition.now_ms += stay_ms;
  auto done = compact(partition.world.files, settled_directory, small_compaction(), first_end,
                      partition.now_ms);
  ASSERT_TRUE(done && done->rounds > 0);
  EXPECT_EQ(done->counts.tombstones_removed, 1U);
  done = compact(partition, small_compaction());
  ASSERT_TRUE(done);
  EXPECT_EQ(done->counts.tombstones_removed, 1U);
}

TEST(SettledTombstones,
     whose_time_is_over_make_no_compaction_due_that_sees_less_than_earlier_ones) {
  Deleted world;
  KeyedPartition& partition = world.partition;
  const Offset first_end = partition.world.bases().back();
  partition.now_ms = 5'000'000;
  partition.append({{"e", std::nullopt, 4000, {}}});
  world.close_segment();
  ASSERT_TRUE(compact(partition, small_compaction()));
  partition.now_ms += stay_ms;
  const auto due = [&](Offset settled) {
    return compaction_due(partition.world.files, settled_directory, small_compaction(), settled,
                          partition.now_ms)
        .value();
  };
  ASSERT_TRUE(compact(partition.world.files, settled_directory, small_compaction(), first_end,
                      partition.now_ms));
  EXPECT_FALSE(due(first_end));
  EXPECT_TRUE(due(partition.end()));
  ASSERT_TRUE(compact(partition, small_compaction()));
  EXPECT_FALSE(due(partition.end()));
}

// The value that it deletes may be in there.
TEST(SettledTombstones, stay_for_ever_behind_a_batch_that_cannot_be_opened) {
  BatchKind kind;
  kind.gaps = false;
  const auto batches = batches_of(8, 400, kind);
  const auto first = std::find_if(batches.begin(), batches.end(), [](const ModelBatch& one) {
    return read_batch_header(one.bytes)->attributes != 0;
  });
  SettledWorld world;
  auto writer = world.open();
  ASSERT_TRUE(writer);
  std::int64_t now = 3'000'000;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(append(*writer, batches[i]));
    if (i % 100 == 99) {
      ASSERT_TRUE(writer->sync());
      const auto done =
          compact(world.files, settled_directory, small_compaction(), writer->synced(), now);
      ASSERT_TRUE(done) << done.error().to_string();
      EXPECT_GT(done->rounds, 0U);
      EXPECT_LE(done->state.tombstones_complete_from, first->base);
      now += 10 * stay_ms;
    }
  }
}

}  // namespace
}  // namespace millrace::log::embedded
