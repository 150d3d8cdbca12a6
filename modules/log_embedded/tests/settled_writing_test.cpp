// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "embedded_faults.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_entries.hpp"
#include "settled_world.hpp"

namespace millrace::log::embedded {
namespace {

/// All files of the directory, by name.
std::vector<std::pair<std::string, std::string>> all_files(SettledWorld& world) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto names = world.files.list(SettledWorld::directory);
  for (const std::string& name : names.value()) {
    all.emplace_back(name, world.content(std::string(SettledWorld::directory) + "/" + name));
  }
  return all;
}

ModelBatch batch_at(std::int64_t base, std::int64_t time_ms, std::size_t value_bytes) {
  RecordBatchBuilder builder;
  const std::string value(value_bytes, 'v');
  builder.add({time_ms, "k", value, {}});
  builder.add({time_ms + 5, "k", value, {}});
  ModelBatch made;
  made.bytes = builder.finish();
  set_base_offset(made.bytes.data(), offset(base));
  made.base = offset(base);
  made.next = offset(base + 2);
  made.commit = {made.base, {3, 4096U + static_cast<std::uint64_t>(base)}, 77};
  return made;
}

TEST(SettledWriting, the_log_file_holds_the_batches_one_after_another) {
  SettledWorld world;
  const auto batches = batches_of(1, 40);
  world.write(batches, SettledWorld::one_segment);
  std::string expected;
  for (const ModelBatch& batch : batches) {
    expected += batch.bytes;
  }
  EXPECT_EQ(world.bases(), std::vector{batches.front().base});
  EXPECT_EQ(world.content(world.path(batches.front().base, SegmentFile::log)), expected);
}

// docs/formats/settled_segment.md
TEST(SettledWriting, the_bytes_beside_the_log_are_those_of_the_format) {
  SettledWorld world;
  std::vector<ModelBatch> batches;
  for (std::int64_t i = 0; i < 4; ++i) {
    batches.push_back(batch_at(100 + 2 * i, i == 2 ? 500 : 1000 + i, 100));
  }
  const std::size_t size = batches.front().bytes.size();
  ASSERT_EQ(size, 281U);
  world.write(batches, SettledWorld::one_segment);
  const Offset base = offset(100);
  EXPECT_EQ(world.path(base, SegmentFile::index), "/settled/00000000000000000100.index");
  // The third batch is the first that begins more than 300 bytes behind the last entry, or the
  // beginning; the largest time up to it is that of the second one.
  EXPECT_EQ(hex(world.content(world.path(base, SegmentFile::index))), "0000000500000232");
  EXPECT_EQ(hex(world.content(world.path(base, SegmentFile::time_index))),
            "00000000000003ee00000003");
  const std::string commits = world.content(world.path(base, SegmentFile::commits));
  ASSERT_EQ(commits.size(), 32U + 4 * 32U);
  EXPECT_EQ(hex(commits.substr(0, 32)),
            "4d52434d0100200064000000000000000000000000000000000000009b8db0e9");
  EXPECT_EQ(hex(commits.substr(64, 32)),
            "660000000000000066100000000000004d0000000000000003000000d44d264d");
}

TEST(SettledWriting, a_full_segment_gets_a_successor_and_ends_with_its_largest_time) {
  SettledWorld world;
  std::vector<ModelBatch> batches;
  for (std::int64_t i = 0; i < 3; ++i) {
    batches.push_back(batch_at(2 * i, 1000 + i, 100));
  }
  batches.push_back(batch_at(6, 3000, 3000));
  batches.push_back(batch_at(8, 2000, 100));
  world.write(batches, {600, 4096});
  EXPECT_EQ(world.bases(), (std::vector{offset(0), offset(4), offset(6), offset(8)}));
  EXPECT_EQ(world.content(world.path(offset(0), SegmentFile::log)),
            batches[0].bytes + batches[1].bytes);
  EXPECT_EQ(world.content(world.path(offset(6), SegmentFile::log)), batches[3].bytes);
  EXPECT_EQ(hex(world.content(world.path(offset(0), SegmentFile::time_index))),
            "00000000000003ee00000003");
  EXPECT_EQ(world.content(world.path(offset(8), SegmentFile::time_index)), "");
}

TEST(SettledWriting, offsets_that_are_too_far_from_the_base_begin_a_segment) {
  SettledWorld world;
  constexpr std::int64_t far = 1LL << 31U;
  world.write({batch_at(0, 1000, 10), batch_at(far - 2, 1001, 10), batch_at(far, 1002, 10)});
  EXPECT_EQ(world.bases(), (std::vector{offset(0), offset(far)}));
}

TEST(SettledWriting, what_is_no_good_batch_is_refused_and_not_added) {
  SettledWorld world;
  auto writer = world.open();
  ASSERT_TRUE(writer);
  const ModelBatch good = batch_at(10, 1000, 10);
  ASSERT_TRUE(append(*writer, good));
  ModelBatch flipped = batch_at(12, 1000, 10);
  flipped.bytes[70] ^= 1;
  ModelBatch of_leader = batch_at(12, 1000, 10);
  of_leader.bytes[15] = 1;
  ModelBatch cut = batch_at(12, 1000, 10);
  cut.bytes.pop_back();
  for (const ModelBatch& bad : {flipped, of_leader, cut, batch_at(11, 1000, 10)}) {
    const Status refused = append(*writer, bad);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
  }
  EXPECT_EQ(writer->next(), offset(12));
  EXPECT_TRUE(append(*writer, batch_at(12, 1000, 10)));
}

TEST(SettledWriting, sizes_that_kafka_does_not_have_are_refused) {
  SettledWorld world;
  EXPECT_FALSE(world.open(offset(0), {0, 4096}));
  EXPECT_FALSE(world.open(offset(0), {1ULL << 31U, 4096}));
  EXPECT_TRUE(world.open(offset(0), {(1ULL << 31U) - 1, 4096}));
}

// A writer that is opened again continues as if it had never been closed.
RC_GTEST_PROP(SettledWriting, segments_written_in_parts_are_those_written_at_once, ()) {
  const auto batches = batches_of(*rc::gen::arbitrary<std::uint64_t>(), 60);
  SettledWorld at_once;
  at_once.write(batches);
  SettledWorld in_parts;
  Offset synced;
  for (std::size_t i = 0; i < batches.size();) {
    auto writer = in_parts.open(synced);
    RC_ASSERT(writer.has_value());
    RC_ASSERT(writer->next() >= synced);
    // What lies behind `synced` in the last segment was cut.
    const auto rest = std::find_if(batches.begin(), batches.end(), [&](const ModelBatch& one) {
      return one.base >= writer->next();
    });
    RC_ASSERT(rest - batches.begin() <= static_cast<std::ptrdiff_t>(i));
    i = static_cast<std::size_t>(rest - batches.begin());
    for (auto left = *rc::gen::inRange<std::size_t>(1, 30); left > 0 && i < batches.size();
         --left) {
      RC_ASSERT(append(*writer, batches[i++]).has_value());
    }
    RC_ASSERT(writer->sync().has_value());
    RC_ASSERT(writer->synced() == batches[i - 1].next);
    synced = *rc::gen::arbitrary<bool>() ? writer->synced() : synced;
  }
  RC_ASSERT(all_files(in_parts) == all_files(at_once));
}

/// Appends and syncs as `random` says, until `batches` are written.
void write_some(SegmentWriter& writer, const std::vector<ModelBatch>& batches, Random& random,
                std::size_t count, Offset& synced) {
  for (const ModelBatch& batch : batches) {
    if (batch.base < writer.next()) {
      continue;
    }
    if (count-- == 0) {
      return;
    }
    RC_ASSERT(append(writer, batch).has_value());
    if (random.below(4) == 0) {
      RC_ASSERT(writer.sync().has_value());
      synced = writer.synced();
    }
  }
}

RC_GTEST_PROP(SettledWriting, nothing_synced_is_lost_with_the_power_and_the_rest_is_a_prefix, ()) {
  SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
  const auto batches = batches_of(random.next(), 80);
  SettledWorld world;
  Offset synced;
  for (int round = 0; round < 6; ++round) {
    auto writer = world.open(synced);
    RC_ASSERT(writer.has_value());
    RC_ASSERT(writer->next() >= synced);
    const bool at_a_batch =
        writer->next() == offset(0) ||
        std::any_of(batches.begin(), batches.end(), [&](const ModelBatch& batch) {
          // An empty segment continues where it begins, which may be behind a gap.
          return batch.next == writer->next() || batch.base == writer->next();
        });
    RC_ASSERT(at_a_batch);
    write_some(*writer, batches, random, random.below(30), synced);
    world.files.lose_power(random);
  }
  auto writer = world.open(synced);
  RC_ASSERT(writer.has_value());
  write_some(*writer, batches, random, batches.size(), synced);
  RC_ASSERT(writer->sync().has_value());
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  const auto read = read_all(*reader, writer->next(), 4096);
  RC_ASSERT(read.has_value());
  RC_ASSERT(same(*read, batches.data(), batches.size()));
}

class SettledFaults : public EmbeddedFaults {};

// Its process dies between any two writes, and what it wrote stays in the files.
TEST_F(SettledFaults, a_writer_that_dies_anywhere_is_continued) {
  const auto batches = batches_of(5, 60);
  for (const std::string_view point :
       {"settle.file_made", "settle.written", "settle.synced", "settle.cut"}) {
    for (int nth = 1; nth < 40; ++nth) {
      SettledWorld world;
      Offset synced;
      Offset next;
      plan(point, nth);
      for (int life = 0; next < batches.back().next; ++life) {
        ASSERT_LT(life, 4);
        try {
          auto writer = world.open(synced);
          ASSERT_TRUE(writer) << point << " " << nth << ": " << writer.error().to_string();
          for (const ModelBatch& batch : batches) {
            if (batch.base >= writer->next()) {
              ASSERT_TRUE(append(*writer, batch));
              synced = writer->synced();
            }
          }
          ASSERT_TRUE(writer->sync());
          next = writer->next();
        } catch (const SimulatedDeath&) {
          // A second one, in the recovery of what the first one left.
          if (life == 0) {
            plan("settle.cut", 1);
          }
        }
      }
      auto reader = SegmentReader::open(world.files, SettledWorld::directory);
      const auto read = read_all(*reader, next, 4096);
      ASSERT_TRUE(read) << point << " " << nth << ": " << read.error().to_string();
      EXPECT_TRUE(same(*read, batches.data(), batches.size())) << point << " " << nth;
    }
  }
}

TEST(SettledWriting, a_full_disk_refuses_batches_and_takes_them_when_there_is_room) {
  const auto batches = batches_of(7, 200);
  SettledWorld world;
  auto writer = world.open();
  ASSERT_TRUE(writer);
  std::size_t refused = 0;
  std::uint64_t capacity = 1000;
  world.files.set_capacity(capacity);
  for (const ModelBatch& batch : batches) {
    Status done = append(*writer, batch);
    while (!done) {
      ASSERT_TRUE(done.error().is(errc::disk_full)) << done.error().to_string();
      ++refused;
      world.files.set_capacity(capacity += 700);
      done = append(*writer, batch);
    }
  }
  EXPECT_GT(refused, 5U);
  Status synced = writer->sync();
  EXPECT_FALSE(synced);
  world.files.set_capacity(1U << 30U);
  synced = writer->sync();
  ASSERT_TRUE(synced) << synced.error().to_string();
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  const auto read = read_all(*reader, writer->next(), 4096);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_TRUE(same(*read, batches.data(), batches.size()));
}

TEST(SettledWriting, after_a_failed_sync_a_writer_takes_nothing_more) {
  const auto batches = batches_of(8, 3);
  SettledWorld world;
  auto writer = world.open();
  ASSERT_TRUE(writer);
  ASSERT_TRUE(append(*writer, batches[0]));
  ASSERT_TRUE(writer->sync());
  ASSERT_TRUE(append(*writer, batches[1]));
  world.files.fail_syncs(true);
  EXPECT_FALSE(writer->sync());
  world.files.fail_syncs(false);
  EXPECT_FALSE(writer->sync());
  EXPECT_FALSE(append(*writer, batches[2]));
  EXPECT_EQ(writer->synced(), batches[0].next);
  world.files.lose_power();
  auto again = world.open(batches[0].next);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(append(*again, batches[1]));
}

// The pages of a sync that failed are clean and can be read, but they are not on the disk.
TEST(SettledWriting, what_a_failed_sync_left_in_the_cache_is_written_again) {
  const auto batches = batches_of(8, 60);
  for (const SegmentOptions options : {SettledWorld::one_segment, SettledWorld::small}) {
    for (std::size_t failing = 0; failing < batches.size(); failing += 7) {
      SettledWorld world;
      Offset synced;
      {
        auto writer = world.open(offset(0), options);
        ASSERT_TRUE(writer);
        for (std::size_t i = 0; i <= failing; ++i) {
          ASSERT_TRUE(append(*writer, batches[i]));
          if (i % 5 == 0 && i < failing) {
            ASSERT_TRUE(writer->sync());
          }
        }
        world.files.fail_syncs(true);
        ASSERT_FALSE(writer->sync());
        world.files.fail_syncs(false);
        synced = writer->synced();
      }
      auto writer = world.open(synced, options);
      ASSERT_TRUE(writer) << writer.error().to_string();
      for (const ModelBatch& batch : batches) {
        if (batch.base >= writer->next()) {
          ASSERT_TRUE(append(*writer, batch));
        }
      }
      ASSERT_TRUE(writer->sync());
      world.files.lose_power();
      auto reader = SegmentReader::open(world.files, SettledWorld::directory);
      ASSERT_TRUE(reader);
      const auto read = read_all(*reader, writer->synced(), 4096);
      ASSERT_TRUE(read) << read.error().to_string();
      ASSERT_TRUE(same(*read, batches.data(), batches.size())) << failing;
      ASSERT_TRUE(world.open(writer->synced(), options));
    }
  }
}

TEST(SettledWriting, the_commits_say_where_the_segment_in_front_ended) {
  SettledWorld world;
  world.write({batch_at(0, 1000, 300), batch_at(10, 1000, 300), batch_at(20, 1000, 300)},
              {700, 4096});
  ASSERT_EQ(world.bases(), (std::vector{offset(0), offset(10), offset(20)}));
  const auto said = [&](std::int64_t base) {
    return load_little<std::int64_t>(
        world.content(world.path(offset(base), SegmentFile::commits)).data() + 16);
  };
  EXPECT_EQ(said(0), 0);
  EXPECT_EQ(said(10), 2);
  EXPECT_EQ(said(20), 12);
  auto writer = world.open(offset(12), {700, 4096});
  ASSERT_TRUE(writer && append(*writer, batch_at(20, 1000, 300)) && writer->sync());
  EXPECT_EQ(said(20), 12);
}

// A sparse .log whose last index entry is that of a batch near the largest file offset it can name.
TEST(SettledWriting, a_log_file_that_index_entries_cannot_reach_is_refused) {
  char pattern[] = "/tmp/millrace_settled_XXXXXX";
  ASSERT_NE(::mkdtemp(pattern), nullptr);
  const std::string directory = pattern;
  FileSystem& files = real_file_system();
  const auto write = [&](SegmentFile file, std::uint64_t partition, const std::string& bytes) {
    const auto opened = files.open(segment_path(directory, offset(0), file), OpenMode::create);
    ASSERT_TRUE(opened && (*opened)->write_at(partition, bytes));
  };
  const ModelBatch first = batch_at(10, 1000, 100);
  const ModelBatch second = batch_at(12, 1000, 100);
  constexpr std::uint64_t partition = (1ULL << 31U) - 100;
  write(SegmentFile::log, partition, first.bytes + second.bytes);
  std::string entry;
  OffsetEntry{11, static_cast<std::int32_t>(partition)}.append_to(entry);
  write(SegmentFile::index, 0, entry);
  write(SegmentFile::time_index, 0, "");
  std::string commits = commits_header(offset(0), offset(0));
  first.commit.append_to(commits);
  second.commit.append_to(commits);
  write(SegmentFile::commits, 0, commits);
  const auto writer = SegmentWriter::open(files, directory, second.next, {});
  std::filesystem::remove_all(directory);
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::corrupt)) << writer.error().to_string();
  EXPECT_NE(writer.error().message().find(std::to_string(partition + first.bytes.size())),
            std::string::npos)
      << writer.error().message();
}

TEST(SettledWriting, opening_does_not_read_again_what_was_synced_long_ago) {
  const auto batches = batches_of(9, 400);
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  const std::string log = world.path(batches.front().base, SegmentFile::log);
  ASSERT_TRUE(world.files.flip_bit(log, 70, 3));
  const auto writer = world.open(batches.back().next, SettledWorld::one_segment);
  ASSERT_TRUE(writer) << writer.error().to_string();
  EXPECT_EQ(writer->next(), batches.back().next);
  EXPECT_FALSE(world.open(offset(1), SettledWorld::one_segment));
}

}  // namespace
}  // namespace millrace::log::embedded
