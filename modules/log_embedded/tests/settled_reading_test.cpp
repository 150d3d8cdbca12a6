// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "hooked_files.hpp"
#include "millrace/log/errors.hpp"
#include "settled_world.hpp"

namespace millrace::log::embedded {
namespace {

SegmentReader reader_of(SettledWorld& world) {
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  EXPECT_TRUE(reader) << reader.error().to_string();
  return *std::move(reader);
}

/// The first record at or after the time, as a walk over all of them finds it.
std::optional<Offset> first_in_model(const std::vector<ModelBatch>& batches, std::int64_t time_ms,
                                     Offset end) {
  for (const ModelBatch& batch : batches) {
    for (const auto& [at, time] : batch.records) {
      if (time >= time_ms && batch.base < end) {
        return at;
      }
    }
  }
  return std::nullopt;
}

RC_GTEST_PROP(SettledReading, what_was_written_is_read_from_any_offset_in_any_pieces, ()) {
  const auto batches = batches_of(*rc::gen::arbitrary<std::uint64_t>(), 60);
  SettledWorld world;
  world.write(batches);
  SegmentReader reader = reader_of(world);
  const Offset end = batches.back().next;
  const auto all = read_all(reader, end, *rc::gen::inRange<std::size_t>(1, 3000));
  RC_ASSERT(all.has_value());
  RC_ASSERT(same(*all, batches.data(), batches.size()));
  SettledBatches read;
  for (Offset from = batches.front().base; from < end; from = from.next()) {
    RC_ASSERT(reader.read(from, end, 1, read).has_value());
    const auto expected = std::find_if(batches.begin(), batches.end(),
                                       [from](const ModelBatch& one) { return one.next > from; });
    RC_ASSERT(read.batches.size() == 1U);
    RC_ASSERT(read.view(read.batches[0]) == expected->bytes);
    RC_ASSERT(read.batches[0].commit == expected->commit);
    RC_ASSERT(read.next == expected->next);
  }
}

RC_GTEST_PROP(SettledReading, the_first_record_at_or_after_a_time_is_found, ()) {
  BatchKind kind;
  kind.first_time_ms = *rc::gen::element<std::int64_t>(-200, 0, 1'000'000);
  kind.last_time_ms = kind.first_time_ms + *rc::gen::inRange<std::int64_t>(0, 400);
  kind.times_rise = *rc::gen::arbitrary<bool>();
  const auto batches = batches_of(*rc::gen::arbitrary<std::uint64_t>(), 60, kind);
  SettledWorld world;
  world.write(batches);
  SegmentReader reader = reader_of(world);
  const Offset end = batches[*rc::gen::inRange<std::size_t>(0, batches.size())].next;
  for (std::int64_t time = kind.first_time_ms - 2; time <= kind.last_time_ms + 2; ++time) {
    const auto found = reader.find_time(time, end);
    RC_ASSERT(found.has_value());
    RC_ASSERT(*found == first_in_model(batches, time, end));
  }
}

RC_GTEST_PROP(SettledReading, the_first_batch_behind_a_position_of_the_journal_is_found, ()) {
  const auto batches = batches_of(*rc::gen::arbitrary<std::uint64_t>(), 60);
  SettledWorld world;
  world.write(batches);
  SegmentReader reader = reader_of(world);
  const Offset end = batches[*rc::gen::inRange<std::size_t>(0, batches.size())].next;
  std::vector<std::uint64_t> positions{0};
  for (const ModelBatch& batch : batches) {
    const std::uint64_t position = batch.commit.position.position;
    positions.insert(positions.end(), {position - 1, position, position + 1});
  }
  for (const std::uint64_t position : positions) {
    const auto expected = std::find_if(
        batches.begin(), batches.end(),
        [position](const ModelBatch& one) { return one.commit.position.position > position; });
    const auto found = reader.find_position(position, end);
    RC_ASSERT(found.has_value());
    RC_ASSERT(found->has_value() == (expected != batches.end() && expected->base < end));
    RC_ASSERT(!*found || **found == expected->commit);
  }
}

TEST(SettledReading, what_lies_behind_the_end_is_never_looked_at) {
  const auto batches = batches_of(3, 60);
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  const Offset end = batches[30].next;
  std::uint64_t good = 0;
  for (std::size_t i = 0; i <= 30; ++i) {
    good += batches[i].bytes.size();
  }
  const auto file =
      world.files.open(world.path(batches[0].base, SegmentFile::log), OpenMode::read_write);
  ASSERT_TRUE((*file)->write_at(good, std::string(500, '\xff')));
  SegmentReader reader = reader_of(world);
  const auto read = read_all(reader, end, 1000);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_TRUE(same(*read, batches.data(), 31));
  const auto late = reader.find_time(2'000'000, end);
  ASSERT_TRUE(late) << late.error().to_string();
  EXPECT_EQ(*late, std::nullopt);
  const auto beyond = read_all(reader, batches[31].next, 1000);
  ASSERT_FALSE(beyond);
  EXPECT_TRUE(beyond.error().is(errc::corrupt));
}

// What a power cut leaves of a tail that was not synced, and a writer that continues in front of
// it.
TEST(SettledReading, a_tail_of_zeros_or_a_shorter_file_behind_the_end_is_no_damage) {
  BatchKind kind;
  kind.compressed = false;
  const auto batches = batches_of(3, 60, kind);
  SettledWorld whole;
  whole.write(batches, SettledWorld::one_segment);
  for (const std::size_t synced : {0U, 1U, 10U, 30U}) {
    SettledWorld before;
    before.write({batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(synced) + 1},
                 SettledWorld::one_segment);
    const Offset end = batches[synced].next;
    for (const SegmentFile file : segment_files) {
      for (const bool zeros : {true, false}) {
        SettledWorld world;
        world.write(batches, SettledWorld::one_segment);
        SegmentReader reader = reader_of(world);
        const std::string path = world.path(batches[0].base, file);
        const std::uint64_t good = before.content(path).size();
        const std::uint64_t size = world.content(path).size();
        const auto opened = world.files.open(path, OpenMode::read_write);
        ASSERT_TRUE((*opened)->truncate(good));
        ASSERT_TRUE(!zeros || (*opened)->write_at(good, std::string(size - good, '\0')));
        const std::string what =
            path + (zeros ? " with zeros behind " : " cut behind ") + std::to_string(synced);
        for (std::size_t i = 0; i <= synced; ++i) {
          SettledBatches read;
          const Status done = reader.read(batches[i].base, end, 1, read);
          ASSERT_TRUE(done) << what << ": " << done.error().to_string();
          ASSERT_EQ(read.batches.front().commit, batches[i].commit) << what;
        }
        for (std::int64_t time = kind.first_time_ms; time <= kind.last_time_ms; time += 97) {
          const auto found = reader.find_time(time, end);
          ASSERT_TRUE(found) << what << ": " << found.error().to_string();
          ASSERT_EQ(*found, first_in_model(batches, time, end)) << what << " at " << time;
        }
        for (std::size_t i = 0; i <= synced; ++i) {
          const std::uint64_t position = batches[i].commit.position.position;
          const auto expected =
              std::find_if(batches.begin(), batches.end(), [position](const ModelBatch& one) {
                return one.commit.position.position > position;
              });
          const auto found = reader.find_position(position, end);
          ASSERT_TRUE(found) << what << ": " << found.error().to_string();
          ASSERT_EQ(found->has_value(), expected->base < end) << what;
          ASSERT_TRUE(!*found || **found == expected->commit) << what;
        }
      }
    }
  }
}

TEST(SettledReading, an_offset_before_the_first_segment_is_out_of_range) {
  BatchKind kind;
  kind.gaps = false;
  auto batches = batches_of(4, 60, kind);
  batches.erase(batches.begin(), batches.begin() + 10);
  SettledWorld world;
  world.write(batches);
  SegmentReader reader = reader_of(world);
  EXPECT_EQ(reader.start(), batches.front().base);
  SettledBatches read;
  const Status early = reader.read(offset(0), batches.back().next, 100, read);
  ASSERT_FALSE(early);
  EXPECT_TRUE(early.error().is(errc::out_of_range)) << early.error().to_string();
  EXPECT_TRUE(reader.read(batches.back().next, batches.back().next, 100, read));
  EXPECT_TRUE(read.batches.empty());
}

TEST(SettledReading, an_empty_directory_has_no_offsets) {
  SettledWorld world;
  ASSERT_TRUE(world.open());
  SegmentReader reader = reader_of(world);
  EXPECT_EQ(reader.start(), std::nullopt);
  EXPECT_EQ(*reader.find_time(0, offset(10)), std::nullopt);
  EXPECT_EQ(*reader.find_position(0, offset(10)), std::nullopt);
}

// 20,000 batches: looking at each, or at each index entry, would take more reads.
TEST(SettledReading, positions_are_found_with_few_reads) {
  BatchKind kind;
  kind.last_time_ms = 50'000'000;
  const auto batches = batches_of(6, 20'000, kind);
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  HookedFiles files(world.files);
  auto reader = SegmentReader::open(files, SettledWorld::directory);
  ASSERT_TRUE(reader);
  const Offset end = batches.back().next;
  constexpr int reads_max = 150;
  files.before_read(reads_max, [] {});
  SettledBatches read;
  ASSERT_TRUE(reader->read(batches[13'000].base, end, 1, read));
  EXPECT_FALSE(files.was_called());
  files.before_read(reads_max, [] {});
  ASSERT_TRUE(reader->find_time(49'990'000, end));
  EXPECT_FALSE(files.was_called());
  files.before_read(reads_max, [] {});
  ASSERT_TRUE(reader->find_position(batches[13'000].commit.position.position, end));
  EXPECT_FALSE(files.was_called());
}

}  // namespace
}  // namespace millrace::log::embedded
