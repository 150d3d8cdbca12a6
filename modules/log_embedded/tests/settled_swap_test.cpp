// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "failing_files.hpp"
#include "hooked_files.hpp"
#include "keyed_partition.hpp"
#include "millrace/log/errors.hpp"
#include "settled/retention.hpp"
#include "settled/segment_files.hpp"

// A compaction that is interrupted anywhere, and readers beside it.
namespace millrace::log::embedded {
namespace {

/// A partition that was compacted once, with more behind it, and tombstones that may go.
struct Prepared {
  explicit Prepared(std::uint64_t seed, std::size_t batches) : partition(seed, batches) {
    EXPECT_TRUE(compact(partition, small_compaction()));
    SeededRandom random(seed);
    for (std::size_t i = 0; i < batches; ++i) {
      partition.append_random(random, 12);
    }
    partition.sync();
    partition.now_ms += 2000;
  }
  Result<CompactionResult> compact_with(FileSystem& files) {
    return compact(files, settled_directory, small_compaction(), partition.end(), partition.now_ms);
  }
  KeyedPartition partition;
};

void lose_power(KeyedPartition& partition, int how, int seed) {
  SeededRandom random(static_cast<std::uint64_t>(seed));
  if (how == 1) {
    partition.world.files.lose_power();
  } else if (how == 2) {
    partition.world.files.lose_power(random);
  }
}

TEST(SettledSwap, a_death_anywhere_leaves_the_old_segments_or_the_new_one) {
  bool reached = true;
  int number = 1;
  for (; reached; ++number) {
    for (const int power : {0, 1, 2}) {
      Prepared prepared(1, 40);
      KeyedPartition& partition = prepared.partition;
      FailingFiles files(partition.world.files);
      files.fail_from(number);
      const auto done = prepared.compact_with(files);
      reached = files.failed();
      EXPECT_EQ(done.has_value(), !reached);
      lose_power(partition, power, number);
      const std::string what =
          "call " + std::to_string(number) + ", power " + std::to_string(power);
      // As one who can only read finds it.
      ASSERT_EQ(partition.problem(), "") << what;
      partition.reopen();
      ASSERT_EQ(partition.leftovers(), "") << what;
      ASSERT_EQ(partition.problem(), "") << what;
      const auto again = compact(partition, small_compaction());
      ASSERT_TRUE(again) << what << again.error().to_string();
      ASSERT_EQ(partition.problem(), "") << what;
      ASSERT_EQ(partition.leftovers(), "") << what;
    }
  }
  EXPECT_GT(number, 60);
}

TEST(SettledSwap, a_second_death_while_the_first_is_completed_costs_nothing) {
  for (int number = 1; number < 200; number += 3) {
    bool reached = true;
    for (int second = 1; reached; ++second) {
      Prepared prepared(2, 20);
      KeyedPartition& partition = prepared.partition;
      FailingFiles files(partition.world.files);
      files.fail_from(number);
      if (prepared.compact_with(files)) {
        return;
      }
      FailingFiles others(partition.world.files);
      others.fail_from(second);
      const auto opened =
          SegmentWriter::open(others, settled_directory, partition.end(), KeyedPartition::segments);
      reached = others.failed();
      EXPECT_EQ(opened.has_value(), !reached);
      lose_power(partition, second % 3, second);
      ASSERT_EQ(partition.problem(), "") << number << " " << second;
      partition.reopen();
      ASSERT_EQ(partition.leftovers(), "") << number << " " << second;
      ASSERT_EQ(partition.problem(), "") << number << " " << second;
    }
  }
  FAIL() << "no compaction was completed";
}

TEST(SettledSwap, a_call_that_fails_anywhere_costs_nothing) {
  for (const ErrorCode code : {millrace::errc::io_error, millrace::errc::disk_full}) {
    bool reached = true;
    for (int number = 1; reached; ++number) {
      Prepared prepared(3, 40);
      KeyedPartition& partition = prepared.partition;
      FailingFiles files(partition.world.files);
      files.fail_call(number, code);
      const auto first = prepared.compact_with(files);
      reached = files.failed();
      ASSERT_EQ(partition.problem(), "") << code.name << " " << number;
      const auto again = prepared.compact_with(files);
      ASSERT_TRUE(again) << number << again.error().to_string();
      ASSERT_EQ(partition.problem(), "") << code.name << " " << number;
      ASSERT_EQ(partition.leftovers(), "") << code.name << " " << number;
      // What is durable is the same.
      partition.world.files.lose_power();
      partition.reopen();
      ASSERT_EQ(partition.problem(), "") << code.name << " " << number;
    }
  }
}

TEST(SettledSwap, a_full_disk_leaves_everything_as_it_was) {
  Prepared prepared(4, 40);
  KeyedPartition& partition = prepared.partition;
  const auto before = partition.read_records().size();
  partition.world.files.set_capacity(0);
  const auto full = prepared.compact_with(partition.world.files);
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().is(errc::disk_full)) << full.error().to_string();
  EXPECT_EQ(partition.leftovers(), "");
  EXPECT_EQ(partition.read_records().size(), before);
  // Removing needs no room.
  const auto removed = remove_before(partition.world.files, settled_directory,
                                     partition.world.bases()[1], partition.end());
  ASSERT_TRUE(removed) << removed.error().to_string();
  EXPECT_EQ(removed->segments, 1U);
  partition.world.files.set_capacity(1U << 30U);
  ASSERT_TRUE(prepared.compact_with(partition.world.files));
  EXPECT_EQ(partition.problem(), "");
}

/// Reads everything; lists the segments again when one is gone.
Result<std::vector<ModelBatch>> read_through(SegmentReader& reader, Offset end) {
  std::vector<ModelBatch> all;
  SettledBatches read;
  int refreshed = 0;
  for (Offset from = reader.start().value_or(end); from < end;) {
    const Status done = reader.read(from, end, 300, read);
    if (!done) {
      if (!done.error().is(errc::not_found) || ++refreshed > 3) {
        return fail(done.error());
      }
      MILLRACE_TRY(reader.refresh());
      continue;
    }
    for (const SettledBatches::Batch& batch : read.batches) {
      ModelBatch one;
      one.bytes = std::string(read.view(batch));
      one.base = batch.header.base_offset;
      one.commit = batch.commit;
      all.push_back(std::move(one));
    }
    from = read.next;
  }
  return all;
}

// The compaction runs, and stops at some operation for ever, between any two calls of the reader.
TEST(SettledSwap, a_reader_never_sees_some_of_the_old_and_some_of_the_new_segment) {
  bool whole = false;
  for (int stop = 20; !whole; stop += 2) {
    bool interrupted = true;
    for (int number = 0; interrupted; ++number) {
      Prepared prepared(5, 12);
      KeyedPartition& partition = prepared.partition;
      HookedFiles hooked(partition.world.files);
      auto reader = SegmentReader::open(hooked, settled_directory);
      ASSERT_TRUE(reader);
      const Offset start = *reader->start();
      hooked.before_call(number, [&] {
        FailingFiles files(partition.world.files);
        files.fail_from(stop);
        whole = prepared.compact_with(files).has_value();
      });
      const auto read = read_through(*reader, partition.end());
      interrupted = hooked.was_called();
      const std::string what =
          "call " + std::to_string(number) + ", stopped at " + std::to_string(stop);
      ASSERT_TRUE(read) << what << ": " << read.error().to_string();
      ASSERT_EQ(partition.problem_of(*read, start, partition.end()), "") << what;
    }
  }
}

// Listing again would not help.
TEST(SettledSwap, a_file_that_is_lost_is_corruption_and_not_a_segment_that_is_gone) {
  for (const SegmentFile file :
       {SegmentFile::index, SegmentFile::time_index, SegmentFile::commits}) {
    KeyedPartition partition(8, 60);
    const Offset base = partition.world.bases()[1];
    const std::string path = partition.world.path(base, file);
    auto reader = SegmentReader::open(partition.world.files, settled_directory);
    ASSERT_TRUE(partition.world.files.remove(path));
    SettledBatches read;
    const Status done = reader->read(base, partition.end(), 100, read);
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().is(errc::corrupt)) << done.error().to_string();
    EXPECT_NE(done.error().message().find(path), std::string::npos) << done.error().message();
  }
}

TEST(SettledSwap, a_file_that_is_lost_of_a_replacement_is_corruption) {
  KeyedPartition partition(9, 60);
  const Offset base = partition.world.bases()[1];
  const auto path = [&](SegmentMark mark) {
    return segment_path(settled_directory, base, SegmentFile::commits, mark);
  };
  ASSERT_TRUE(partition.world.files.rename(path(SegmentMark::none), path(SegmentMark::swap)));
  const std::string lost = partition.world.path(base, SegmentFile::index);
  ASSERT_TRUE(partition.world.files.remove(lost));
  const auto reader = SegmentReader::open(partition.world.files, settled_directory);
  ASSERT_FALSE(reader);
  EXPECT_TRUE(reader.error().is(errc::corrupt)) << reader.error().to_string();
  EXPECT_NE(reader.error().message().find(lost), std::string::npos) << reader.error().message();
  const auto writer = partition.world.open(partition.end(), KeyedPartition::segments);
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::corrupt)) << writer.error().to_string();
}

TEST(SettledSwap, a_reader_that_listed_before_a_new_segment_was_made_lists_again) {
  Prepared prepared(7, 40);
  KeyedPartition& partition = prepared.partition;
  auto reader = SegmentReader::open(partition.world.files, settled_directory);
  ASSERT_TRUE(reader);
  const Offset last = partition.world.bases().back();
  SeededRandom random(7);
  while (partition.world.bases().back() == last) {
    partition.append_random(random, 12);
  }
  partition.sync();
  const Offset base = partition.world.bases().back();
  SettledBatches read;
  const Status done = reader->read(base, partition.end(), 100, read);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::not_found)) << done.error().to_string();
  ASSERT_TRUE(reader->refresh());
  ASSERT_TRUE(reader->read(base, partition.end(), 100, read));
  EXPECT_EQ(read.batches.front().header.base_offset, base);
}

TEST(SettledSwap, a_reader_of_a_segment_that_is_open_reads_it_to_the_end) {
  Prepared prepared(6, 40);
  KeyedPartition& partition = prepared.partition;
  const Offset base = partition.world.bases().front();
  const auto segment = SettledSegment::open(partition.world.files, settled_directory, base);
  ASSERT_TRUE(segment);
  const Offset end = segment->end().value();
  SettledBatches before;
  ASSERT_TRUE(segment->read(base, end, 1U << 20U, before));
  ASSERT_TRUE(prepared.compact_with(partition.world.files));
  SettledBatches after;
  ASSERT_TRUE(segment->read(base, end, 1U << 20U, after));
  EXPECT_EQ(after.memory, before.memory);
}

}  // namespace
}  // namespace millrace::log::embedded
