// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "settled_world.hpp"

namespace millrace::log::embedded {
namespace {

std::vector<ModelBatch> few_batches() {
  BatchKind kind;
  kind.value_bytes = 20;
  kind.times_rise = true;
  return batches_of(11, 12, kind);
}

void cut_file(SettledWorld& world, const std::string& path, std::uint64_t size) {
  const auto file = world.files.open(path, OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->truncate(size));
}

TEST(SettledDamage, a_torn_tail_is_cut_back_to_what_was_synced_and_the_segment_is_continued) {
  const auto batches = few_batches();
  constexpr std::size_t durable = 6;
  const Offset base = batches.front().base;
  const Offset synced = batches[durable - 1].next;
  SettledWorld whole;
  whole.write(batches, SettledWorld::one_segment);
  SettledWorld before;
  before.write({batches.begin(), batches.begin() + durable}, SettledWorld::one_segment);
  for (const SegmentFile file : segment_files) {
    const std::size_t size = whole.content(whole.path(base, file)).size();
    for (std::size_t left = before.content(before.path(base, file)).size(); left <= size; ++left) {
      SettledWorld world;
      world.write(batches, SettledWorld::one_segment);
      cut_file(world, world.path(base, file), left);
      auto writer = world.open(synced, SettledWorld::one_segment);
      ASSERT_TRUE(writer) << writer.error().to_string();
      ASSERT_EQ(writer->next(), synced) << world.path(base, file) << " cut to " << left;
      for (std::size_t i = durable; i < batches.size(); ++i) {
        ASSERT_TRUE(append(*writer, batches[i]));
      }
      ASSERT_TRUE(writer->sync());
      for (const SegmentFile each : segment_files) {
        ASSERT_EQ(world.content(world.path(base, each)), whole.content(whole.path(base, each)))
            << world.path(base, each) << " after " << world.path(base, file) << " was cut to "
            << left;
      }
    }
  }
}

TEST(SettledDamage, an_offset_inside_of_a_batch_is_no_end_of_what_was_synced) {
  BatchKind kind;
  kind.gaps = false;
  const auto batches = batches_of(16, 30, kind);
  const auto wide = std::find_if(batches.begin(), batches.end(),
                                 [](const ModelBatch& one) { return one.base.next() < one.next; });
  ASSERT_NE(wide, batches.end());
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  const std::string path = world.path(batches.front().base, SegmentFile::log);
  const std::string bytes = world.content(path);
  const auto writer = world.open(wide->base.next(), SettledWorld::one_segment);
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::corrupt)) << writer.error().to_string();
  EXPECT_EQ(world.content(path), bytes);
}

TEST(SettledDamage, what_was_synced_and_is_cut_off_is_corruption_and_stays) {
  const auto batches = few_batches();
  const Offset base = batches.front().base;
  const Offset end = batches.back().next;
  SettledWorld whole;
  whole.write(batches, SettledWorld::one_segment);
  for (const SegmentFile file : segment_files) {
    const std::string path = whole.path(base, file);
    const std::string bytes = whole.content(path);
    for (std::size_t left = 0; left < bytes.size(); ++left) {
      SettledWorld world;
      world.write(batches, SettledWorld::one_segment);
      cut_file(world, path, left);
      const auto writer = world.open(end, SettledWorld::one_segment);
      if (file == SegmentFile::log || file == SegmentFile::commits) {
        ASSERT_FALSE(writer) << path << " cut to " << left;
        ASSERT_TRUE(writer.error().is(errc::corrupt)) << writer.error().to_string();
        EXPECT_NE(writer.error().message().find(path), std::string::npos)
            << writer.error().message();
        EXPECT_EQ(world.content(path).size(), left);
      } else {
        ASSERT_TRUE(writer) << writer.error().to_string();
        EXPECT_EQ(writer->next(), end);
      }
    }
  }
}

/// A reader gets what was written, or an error that names one of the files.
template <class T, class Same>
void expect_right_or_named(const Result<T>& read, Same is_right, const std::string& what) {
  if (read) {
    EXPECT_TRUE(is_right(*read)) << what << ": wrong data";
    return;
  }
  EXPECT_TRUE(read.error().is(errc::corrupt) || read.error().is(errc::incompatible))
      << what << ": " << read.error().to_string();
  EXPECT_NE(read.error().message().find("/settled/0000"), std::string::npos)
      << read.error().to_string();
}

TEST(SettledDamage, a_flipped_bit_is_never_read_as_data) {
  const auto batches = few_batches();
  const Offset base = batches.front().base;
  const Offset end = batches.back().next;
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  SeededRandom random(1);
  for (const SegmentFile file : segment_files) {
    const std::string path = world.path(base, file);
    const std::size_t size = world.content(path).size();
    for (std::size_t flip = 0; flip < size * 8; flip += 1 + random.below(4)) {
      const std::size_t partition = flip / 8;
      const int bit = static_cast<int>(flip % 8);
      ASSERT_TRUE(world.files.flip_bit(path, partition, bit));
      const std::string what =
          path + " bit " + std::to_string(bit) + " of byte " + std::to_string(partition);
      auto reader = SegmentReader::open(world.files, SettledWorld::directory);
      ASSERT_TRUE(reader);
      expect_right_or_named(
          read_all(*reader, end, 300),
          [&](const auto& read) {
            // The leader epoch is outside of the checksum, and means nothing to a reader.
            const bool epoch_alone =
                read.size() == batches.size() &&
                std::equal(read.begin(), read.end(), batches.begin(),
                           [](const ModelBatch& a, const ModelBatch& b) {
                             return a.bytes.substr(0, 12) == b.bytes.substr(0, 12) &&
                                    a.bytes.substr(16) == b.bytes.substr(16) &&
                                    a.commit == b.commit;
                           });
            return epoch_alone;
          },
          what);
      SettledBatches one;
      for (Offset from = base; from < end; from = from.next()) {
        const Status done = reader->read(from, end, 1, one);
        const auto wanted =
            std::find_if(batches.begin(), batches.end(),
                         [from](const ModelBatch& batch) { return batch.next > from; });
        ASSERT_TRUE(!done || one.batches[0].commit == wanted->commit)
            << what << ", offset " << from.value;
      }
      for (const ModelBatch& batch : batches) {
        expect_right_or_named(
            reader->find_time(batch.records.front().second, end),
            [&](const auto& found) { return found == batch.records.front().first; },
            what + ", time " + std::to_string(batch.records.front().second));
        expect_right_or_named(
            reader->find_position(batch.commit.position.position - 1, end),
            [&](const auto& found) {
              return found && found->position.position >= batch.commit.position.position;
            },
            what + ", position");
      }
      ASSERT_TRUE(world.files.flip_bit(path, partition, bit));
    }
  }
}

// An index file that is damaged is built again, as far as a writer needs it.
TEST(SettledDamage, a_writer_opens_with_any_damage_to_index_files_and_builds_them_out_of_the_log) {
  const auto batches = few_batches();
  const Offset base = batches.front().base;
  const Offset end = batches.back().next;
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  for (const SegmentFile file : {SegmentFile::index, SegmentFile::time_index}) {
    const std::string path = world.path(base, file);
    const std::string bytes = world.content(path);
    for (std::size_t partition = 0; partition < bytes.size(); ++partition) {
      ASSERT_TRUE(world.files.flip_bit(path, partition, static_cast<int>(partition % 8)));
      const auto writer = world.open(end, SettledWorld::one_segment);
      ASSERT_TRUE(writer) << writer.error().to_string();
      EXPECT_EQ(writer->next(), end);
      auto again = world.open(batches.front().next, SettledWorld::one_segment);
      ASSERT_TRUE(again) << again.error().to_string();
      for (std::size_t i = 1; i < batches.size(); ++i) {
        ASSERT_TRUE(append(*again, batches[i]));
      }
      ASSERT_TRUE(again->sync());
      ASSERT_EQ(world.content(path), bytes) << partition;
    }
    ASSERT_TRUE(world.files.remove(path));
    auto again = world.open(end, SettledWorld::one_segment);
    ASSERT_TRUE(again && again->sync());
    ASSERT_EQ(world.content(path), bytes);
  }
}

TEST(SettledDamage, the_end_of_a_segment_that_has_a_successor_is_missed) {
  const auto batches = batches_of(12, 60);
  SettledWorld world;
  world.write(batches);
  const auto bases = world.bases();
  ASSERT_GT(bases.size(), 2U);
  const std::string path = world.path(bases[0], SegmentFile::log);
  const auto last = std::find_if(batches.begin(), batches.end(), [&](const ModelBatch& one) {
    return one.next > bases[1] || one.base >= bases[1];
  });
  const std::string bytes = world.content(path);
  cut_file(world, path, bytes.size() - (last - 1)->bytes.size());
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  const auto read = read_all(*reader, batches.back().next, 1000);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find(path + " at byte "), std::string::npos)
      << read.error().message();
}

TEST(SettledDamage, commits_of_another_segment_are_refused) {
  const auto batches = batches_of(13, 60);
  SettledWorld world;
  world.write(batches);
  const auto bases = world.bases();
  ASSERT_GT(bases.size(), 1U);
  const std::string path = world.path(bases[1], SegmentFile::commits);
  const std::string other = world.content(world.path(bases[0], SegmentFile::commits));
  const auto file = world.files.open(path, OpenMode::read_write);
  ASSERT_TRUE((*file)->write_at(0, other));
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  SettledBatches read;
  const Status done = reader->read(bases[1], batches.back().next, 100, read);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find(path), std::string::npos) << done.error().message();
}

TEST(SettledDamage, commits_of_a_newer_version_are_refused_by_name_and_stay) {
  const auto batches = few_batches();
  const Offset base = batches.front().base;
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  const std::string path = world.path(base, SegmentFile::commits);
  std::string bytes = world.content(path);
  store_little<std::uint16_t>(bytes.data() + 4, commits_version + 1);
  store_little(bytes.data() + 28, crc32c(std::string_view(bytes).substr(0, 28)));
  const auto file = world.files.open(path, OpenMode::read_write);
  ASSERT_TRUE((*file)->write_at(0, bytes));
  for (const Offset synced : {offset(0), batches.back().next}) {
    const auto writer = world.open(synced, SettledWorld::one_segment);
    ASSERT_FALSE(writer);
    EXPECT_TRUE(writer.error().is(errc::incompatible));
    EXPECT_NE(writer.error().message().find(
                  path + ": the commits file has version 2, this program reads up to version 1"),
              std::string::npos)
        << writer.error().message();
  }
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  SettledBatches read;
  const Status done = reader->read(base, batches.back().next, 100, read);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::incompatible));
  EXPECT_EQ(world.content(path), bytes);
}

TEST(SettledDamage, a_segment_that_is_gone_is_not_found) {
  const auto batches = batches_of(14, 60);
  SettledWorld world;
  world.write(batches);
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  for (const SegmentFile file : segment_files) {
    ASSERT_TRUE(world.files.remove(world.path(batches.front().base, file)));
  }
  SettledBatches read;
  const Status done = reader->read(batches.front().base, batches.back().next, 100, read);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::not_found)) << done.error().to_string();
  ASSERT_TRUE(reader->refresh());
  EXPECT_GT(reader->start(), batches.front().base);
}

TEST(SettledDamage, what_a_crash_left_of_a_segment_without_a_log_file_is_removed) {
  const auto batches = few_batches();
  SettledWorld world;
  world.write(batches, SettledWorld::one_segment);
  const std::string leftover = world.path(batches.back().next, SegmentFile::commits);
  ASSERT_TRUE(world.files.open(leftover, OpenMode::create));
  ASSERT_TRUE(world.open(batches.back().next, SettledWorld::one_segment));
  EXPECT_FALSE(world.files.exists(leftover));
}

TEST(SettledDamage, a_lost_segment_in_the_middle_is_never_passed_over) {
  const auto batches = batches_of(15, 60);
  const Offset end = batches.back().next;
  for (const bool all_files : {false, true}) {
    SettledWorld world;
    world.write(batches);
    const auto bases = world.bases();
    ASSERT_GT(bases.size(), 2U);
    for (const SegmentFile file : segment_files) {
      if (all_files || file == SegmentFile::log) {
        ASSERT_TRUE(world.files.remove(world.path(bases[1], file)));
      }
    }
    const std::string named = all_files ? world.path(bases[2], SegmentFile::commits)
                                        : world.path(bases[1], SegmentFile::log);
    const auto expect_corrupt = [&](const auto& done, const std::string& what) {
      ASSERT_FALSE(done) << what;
      EXPECT_TRUE(done.error().is(errc::corrupt)) << what << done.error().to_string();
      EXPECT_NE(done.error().message().find(named), std::string::npos)
          << what << done.error().message();
    };
    auto reader = SegmentReader::open(world.files, SettledWorld::directory);
    ASSERT_TRUE(reader);
    expect_corrupt(read_all(*reader, end, 1000), "read");
    SettledBatches read;
    expect_corrupt(reader->read(bases[1], end, 1000, read), "read there");
    EXPECT_TRUE(reader->read(bases[2], end, 1000, read));
    expect_corrupt(reader->find_time(2'000'000, end), "time");
    const auto lost = std::find_if(batches.begin(), batches.end(),
                                   [&](const ModelBatch& one) { return one.base >= bases[1]; });
    expect_corrupt(reader->find_position((lost - 1)->commit.position.position, end), "position");
  }
}

TEST(SettledDamage, what_is_left_of_a_lost_log_file_is_not_removed) {
  const auto batches = batches_of(15, 60);
  SettledWorld world;
  world.write(batches);
  const auto bases = world.bases();
  ASSERT_GT(bases.size(), 2U);
  ASSERT_TRUE(world.files.remove(world.path(bases[1], SegmentFile::log)));
  const auto writer = world.open(batches.back().next);
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::corrupt));
  EXPECT_NE(writer.error().message().find(world.path(bases[1], SegmentFile::log) +
                                          ": the file is missing"),
            std::string::npos)
      << writer.error().message();
  EXPECT_TRUE(world.files.exists(world.path(bases[1], SegmentFile::commits)));
}

}  // namespace
}  // namespace millrace::log::embedded
