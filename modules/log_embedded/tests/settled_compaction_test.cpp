// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "keyed_partition.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_size.hpp"
#include "settled/retention.hpp"
#include "settled/segment_changes.hpp"

// docs/formats/settled_segment.md, "Compaction"
namespace millrace::log::embedded {
namespace {

/// How many records before `end` have a key that a later one before `end` has, too.
std::size_t doubled(KeyedPartition& partition, Offset end) {
  std::map<std::string, int> seen;
  std::size_t count = 0;
  for (const auto& [at, record] : partition.read_records()) {
    if (at < end.value && record.key && seen[*record.key]++ > 0) {
      ++count;
    }
  }
  return count;
}

RC_GTEST_PROP(SettledCompaction, only_the_last_record_of_each_key_stays_where_it_was, ()) {
  KeyedPartition partition(*rc::gen::arbitrary<std::uint64_t>(), 80);
  const auto active = partition.world.bases().back();
  const auto done = compact(partition, small_compaction());
  RC_ASSERT(done.has_value());
  RC_ASSERT(partition.problem() == "");
  RC_ASSERT(partition.leftovers() == "");
  RC_ASSERT(done->state.clean_until <= active);
  RC_ASSERT(doubled(partition, done->state.clean_until) == 0U);
  RC_ASSERT(done->state == partition.state());
  const auto found = partition.read_records();
  const auto removed = partition.written().size() - found.size();
  RC_ASSERT(removed == done->counts.records_superseded);
  // Another call has nothing to do.
  const auto again = compact(partition, small_compaction());
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->rounds == 0U);
}

TEST(SettledCompaction, the_last_segment_is_never_touched) {
  KeyedPartition partition(2, 80);
  const Offset last = partition.world.bases().back();
  std::vector<std::string> before;
  for (const SegmentFile file : segment_files) {
    before.push_back(partition.world.content(partition.world.path(last, file)));
  }
  ASSERT_TRUE(compact(partition, small_compaction()));
  EXPECT_EQ(partition.world.bases().back(), last);
  for (std::size_t i = 0; i < segment_files.size(); ++i) {
    EXPECT_EQ(partition.world.content(partition.world.path(last, segment_files[i])), before[i]);
  }
}

TEST(SettledCompaction, keys_that_do_not_fit_into_memory_are_cleaned_in_rounds) {
  KeyedPartition partition(3, 200);
  CompactionOptions options = small_compaction();
  options.map_bytes = 100;
  const auto done = compact(partition, options);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_GT(done->rounds, 5U);
  EXPECT_EQ(partition.problem(), "");
  EXPECT_EQ(doubled(partition, done->state.clean_until), 0U);
  KeyedPartition at_once(3, 200);
  ASSERT_TRUE(compact(at_once, small_compaction()));
  EXPECT_EQ(partition.read_records().size(), at_once.read_records().size());
}

TEST(SettledCompaction, small_segments_become_one_and_the_offsets_stay) {
  KeyedPartition partition(4, 300);
  const std::size_t before = partition.world.bases().size();
  CompactionOptions options = small_compaction();
  options.segment_bytes = 1U << 20U;
  ASSERT_TRUE(compact(partition, options));
  EXPECT_EQ(partition.world.bases().size(), 2U);
  EXPECT_GT(before, 10U);
  EXPECT_EQ(partition.problem(), "");
  SeededRandom random(4);
  for (int i = 0; i < 100; ++i) {
    partition.append_random(random, 12);
  }
  partition.sync();
  ASSERT_TRUE(compact(partition, options));
  EXPECT_EQ(partition.world.bases().size(), 2U);
  EXPECT_EQ(partition.problem(), "");
  partition.reopen();
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledCompaction, what_was_appended_recently_is_left_alone) {
  KeyedPartition partition(5, 60);
  const std::int64_t middle = partition.now_ms;
  const Offset end = partition.end();
  SeededRandom random(5);
  partition.now_ms += 10'000;
  for (int i = 0; i < 60; ++i) {
    partition.append_random(random, 12);
  }
  partition.sync();
  CompactionOptions options = small_compaction();
  options.min_compaction_lag_ms = partition.now_ms - middle;
  const auto done = compact(partition, options);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_GT(done->rounds, 0U);
  EXPECT_LE(done->state.clean_until, end);
  const auto found = partition.read_records();
  for (const auto& [at, record] : partition.written()) {
    EXPECT_TRUE(at < end.value || found.contains(at)) << at;
  }
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledCompaction, what_readers_are_not_given_yet_is_left_alone) {
  KeyedPartition partition(6, 80);
  const auto bases = partition.world.bases();
  const auto done = compact(partition.world.files, settled_directory, small_compaction(), bases[2],
                            partition.now_ms);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->state.clean_until, bases[2]);
  const auto found = partition.read_records();
  for (const auto& [at, record] : partition.written()) {
    EXPECT_TRUE(at < bases[2].value || found.contains(at)) << at;
  }
}

// A reader may have looked up the end long ago, when it lay in the middle of the last segment.
TEST(SettledCompaction, a_reader_with_an_older_end_reads_all_up_to_it) {
  KeyedPartition partition(13, 80);
  const auto ends = partition.batches();
  ASSERT_TRUE(compact(partition, small_compaction()));
  for (std::size_t i = 1; i < ends.size(); ++i) {
    const Offset end = ends[i].first;
    auto reader = SegmentReader::open(partition.world.files, settled_directory);
    const auto read = read_all(*reader, end, 700);
    ASSERT_TRUE(read) << end.value << ": " << read.error().to_string();
    SettledBatches last;
    const Status done = reader->read(ends[i - 1].first, end, 700, last);
    ASSERT_TRUE(done) << end.value << ": " << done.error().to_string();
    EXPECT_EQ(last.next, end);
  }
}

// Keys, tombstones and all: what lies behind the checkpoint comes out of the journal again.
TEST(SettledCompaction, a_recovery_with_an_older_end_finds_what_it_needs) {
  for (std::size_t checkpoint = 0; checkpoint < 80; checkpoint += 3) {
    KeyedPartition partition;
    partition.checkpoint_with_sync = false;
    SeededRandom random(14);
    for (std::size_t i = 0; i < 80; ++i) {
      partition.append_random(random, 12);
      if (i == checkpoint) {
        partition.sync();
        partition.make_checkpoint();
      }
    }
    partition.sync();
    ASSERT_TRUE(compact(partition, small_compaction()));
    partition.recover();
    ASSERT_EQ(partition.problem(), "") << checkpoint;
    partition.make_checkpoint();
    for (int i = 0; i < 3; ++i, partition.now_ms += 2000) {
      const auto done = compact(partition, small_compaction());
      ASSERT_TRUE(done) << done.error().to_string();
      ASSERT_EQ(doubled(partition, done->state.clean_until), 0U) << checkpoint;
      ASSERT_EQ(partition.problem(), "") << checkpoint;
    }
  }
}

// A state that says more than is there, as of a log that was cut further back.
TEST(SettledCompaction, what_was_cut_and_settled_again_is_compacted_again) {
  KeyedPartition partition(15, 80);
  partition.now_ms += 2000;
  const auto first = compact(partition, small_compaction());
  ASSERT_TRUE(first);
  const auto bases = partition.world.bases();
  ASSERT_GT(bases.size(), 3U);
  ASSERT_TRUE(cut_segments(partition.world.files, settled_directory, bases[2]));
  EXPECT_EQ(partition.world.bases(), std::vector(bases.begin(), bases.begin() + 2));
  EXPECT_EQ(partition.state().clean_until, bases[2]);
  EXPECT_EQ(partition.leftovers(), "");
}

TEST(SettledCompaction, options_out_of_range_are_refused) {
  KeyedPartition partition(16, 80);
  for (const int which : {0, 1, 2, 3}) {
    CompactionOptions options = small_compaction();
    options.segment_bytes = which == 0 ? 0 : which == 1 ? 1ULL << 31U : 2048;
    options.delete_retention_ms = which == 2 ? -1 : 1000;
    options.min_compaction_lag_ms = which == 3 ? -1 : 0;
    const auto done = compact(partition, options);
    ASSERT_FALSE(done) << which;
    EXPECT_TRUE(done.error().is(errc::invalid_argument)) << which;
  }
}

TEST(SettledCompaction, records_without_a_key_stay_and_are_counted) {
  KeyedPartition partition(7, 80);
  const auto done = compact(partition, small_compaction());
  ASSERT_TRUE(done);
  std::uint64_t without = 0;
  for (const auto& [at, record] : partition.written()) {
    without += !record.key && at < done->state.clean_until.value ? 1 : 0;
  }
  EXPECT_GT(without, 0U);
  EXPECT_EQ(done->counts.records_without_key, without);
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledCompaction, compressed_batches_stay_as_they_are) {
  BatchKind kind;
  kind.gaps = false;
  const auto batches = batches_of(8, 100, kind);
  SettledWorld world;
  world.write(batches);
  const auto done =
      compact(world.files, settled_directory, small_compaction(), batches.back().next, 3'000'000);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_GT(done->counts.records_superseded, 0U);
  auto reader = SegmentReader::open(world.files, settled_directory);
  const auto read = read_all(*reader, batches.back().next, 4096);
  ASSERT_TRUE(read) << read.error().to_string();
  std::uint64_t kept = 0;
  for (const ModelBatch& batch : batches) {
    const auto header = read_batch_header(batch.bytes);
    if (header->attributes == 0) {
      continue;
    }
    const auto found = std::find_if(read->begin(), read->end(),
                                    [&](const ModelBatch& one) { return one.base == batch.base; });
    ASSERT_NE(found, read->end());
    EXPECT_EQ(found->bytes, batch.bytes);
    EXPECT_EQ(found->commit, batch.commit);
    kept += batch.base < done->state.clean_until ? 1 : 0;
  }
  EXPECT_EQ(done->counts.batches_kept_whole, kept);
  EXPECT_GT(kept, 3U);
}

TEST(SettledCompaction, a_damaged_segment_is_reported_and_stays) {
  KeyedPartition partition(9, 80);
  const auto bases = partition.world.bases();
  const std::string path = partition.world.path(bases[1], SegmentFile::log);
  ASSERT_TRUE(partition.world.files.flip_bit(path, 100, 3));
  const std::string damaged = partition.world.content(path);
  const auto done = compact(partition, small_compaction());
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::corrupt));
  EXPECT_NE(done.error().message().find(path), std::string::npos) << done.error().message();
  EXPECT_EQ(partition.world.content(path), damaged);
  EXPECT_EQ(partition.leftovers(), "");
}

TEST(SettledCompaction, a_state_that_is_damaged_or_of_a_newer_version_is_refused) {
  KeyedPartition partition(10, 80);
  ASSERT_TRUE(compact(partition, small_compaction()));
  const std::string path = std::string(settled_directory) + "/compaction";
  const std::string bytes = partition.world.content(path);
  ASSERT_EQ(bytes.size(), 40U);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    ASSERT_TRUE(partition.world.files.flip_bit(path, at, 2));
    const auto done = compact(partition, small_compaction());
    ASSERT_FALSE(done) << at;
    EXPECT_TRUE(done.error().is(errc::corrupt)) << done.error().to_string();
    ASSERT_TRUE(partition.world.files.flip_bit(path, at, 2));
  }
  std::string newer = bytes;
  store_little<std::uint16_t>(newer.data() + 4, 2);
  store_little(newer.data() + 36, crc32c(std::string_view(newer).substr(0, 36)));
  ASSERT_TRUE(write_file_atomically(partition.world.files, path, newer));
  const auto done = compact(partition, small_compaction());
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::incompatible)) << done.error().to_string();
}

TEST(SettledCompaction, a_partition_that_never_settled_has_nothing_to_compact) {
  FaultFileSystem files;
  const auto done = compact(files, settled_directory, small_compaction(), offset(10), 1000);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->rounds, 0U);
}

TEST(SettledCompaction, what_was_compacted_is_removed_when_its_batches_were_appended_too_long_ago) {
  KeyedPartition partition(11, 120);
  ASSERT_TRUE(compact(partition, small_compaction()));
  const auto bases = partition.world.bases();
  ASSERT_GT(bases.size(), 2U);
  const auto done = apply_retention(partition.world.files, settled_directory, {1000, {}},
                                    partition.end(), partition.now_ms + 1001);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->start, bases.back());
  EXPECT_EQ(partition.problem(), "");
  SeededRandom random(11);
  for (int i = 0; i < 80; ++i) {
    partition.append_random(random, 12);
  }
  partition.sync();
  ASSERT_TRUE(compact(partition, small_compaction()));
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledCompaction, two_hundred_thousand_updates_of_a_thousand_keys_need_twice_their_data) {
  constexpr std::uint64_t keys = 1000;
  constexpr int batches = 2000;
  constexpr int batch_records = 100;
  constexpr std::uint64_t segment_bytes = 1U << 20U;
  KeyedPartition partition(SegmentOptions{segment_bytes, 4096});
  SeededRandom random(12);
  std::map<std::string, std::size_t> live;
  CompactionOptions options = small_compaction();
  options.segment_bytes = segment_bytes;
  for (int i = 1; i <= batches; ++i) {
    std::vector<KeyedRecord> records;
    for (int n = 0; n < batch_records; ++n) {
      KeyedRecord record;
      record.key = "customer-" + std::to_string(random.below(keys));
      record.value = std::string(40 + random.below(80), 'v');
      live[*record.key] = record_bytes({0, *record.key, *record.value, {}});
      records.push_back(std::move(record));
    }
    partition.append(records);
    if (i % (batches / 4) == 0) {
      partition.sync();
      ASSERT_TRUE(compact(partition, options));
    }
  }
  std::uint64_t live_bytes = 0;
  for (const auto& [key, bytes] : live) {
    live_bytes += bytes;
  }
  EXPECT_LE(partition.log_bytes(), 2 * live_bytes + segment_bytes);
  EXPECT_EQ(partition.problem(), "");
}

}  // namespace
}  // namespace millrace::log::embedded
