// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "failing_files.hpp"
#include "keyed_partition.hpp"
#include "millrace/log/errors.hpp"
#include "settled/retention.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"

// docs/formats/settled_segment.md, "Removing segments"
namespace millrace::log::embedded {
namespace {

/// The latest append of each segment but the last.
std::vector<std::int64_t> latest_appends(KeyedPartition& partition) {
  const auto bases = partition.world.bases();
  std::vector<std::int64_t> latest(bases.size() - 1, std::numeric_limits<std::int64_t>::min());
  for (const auto& [base, time] : partition.batches()) {
    const auto behind = std::upper_bound(bases.begin(), bases.end(), base);
    const auto number = static_cast<std::size_t>(behind - bases.begin()) - 1;
    if (number < latest.size()) {
      latest[number] = std::max(latest[number], time);
    }
  }
  return latest;
}

// The times of the records are all the same age, and those of the appends go back now and then.
TEST(SettledRetention, segments_go_whose_batches_were_all_appended_too_long_ago) {
  constexpr std::int64_t keep_ms = 700;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    KeyedPartition partition;
    SeededRandom random(seed);
    for (int i = 0; i < 80; ++i) {
      partition.now_ms = 1'000'000 + i * 20 - static_cast<std::int64_t>(random.below(300));
      partition.append_random(random, 12);
    }
    partition.sync();
    const auto bases = partition.world.bases();
    const auto latest = latest_appends(partition);
    const std::int64_t now = 1'000'000 + static_cast<std::int64_t>(random.below(3000));
    std::size_t gone = 0;
    while (gone < latest.size() && latest[gone] < now - keep_ms) {
      ++gone;
    }
    const auto done = apply_retention(partition.world.files, settled_directory, {keep_ms, {}},
                                      partition.end(), now);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->segments, gone) << seed;
    EXPECT_EQ(done->start, bases[gone]);
    EXPECT_EQ(partition.world.bases(),
              std::vector(bases.begin() + static_cast<std::ptrdiff_t>(gone), bases.end()));
    EXPECT_EQ(partition.problem(), "");
    EXPECT_EQ(partition.leftovers(), "");
  }
}

// As of a machine that booted without a battery for its clock. What lies in front of a segment
// whose time is over was appended before it.
TEST(SettledRetention, a_time_in_the_future_keeps_no_segment_behind_it) {
  constexpr std::int64_t day_ms = 86'400'000;
  KeyedPartition partition;
  std::vector<Offset> bases;
  for (const std::int64_t day : {1, 50'000, 2, 20, 20}) {
    partition.now_ms = day * day_ms;
    const std::size_t before = partition.world.bases().size();
    while (partition.world.bases().size() == before) {
      partition.append({{"k", std::string(1'500, 'v'), 0, {}}});
      partition.sync();
    }
  }
  bases = partition.world.bases();
  ASSERT_EQ(bases.size(), 5U);
  const RetentionLimits week{7 * day_ms, {}};
  auto done =
      apply_retention(partition.world.files, settled_directory, week, partition.end(), 5 * day_ms);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->segments, 0U);
  done =
      apply_retention(partition.world.files, settled_directory, week, partition.end(), 20 * day_ms);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->start, bases[3]);
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledRetention, the_first_segments_go_while_the_others_have_as_many_bytes_as_are_kept) {
  for (const std::uint64_t kept :
       {std::uint64_t{0}, std::uint64_t{5000}, std::uint64_t{1} << 30U}) {
    KeyedPartition partition(3, 80);
    const auto bases = partition.world.bases();
    std::uint64_t left = partition.log_bytes();
    std::size_t gone = 0;
    while (gone + 1 < bases.size()) {
      const auto path = partition.world.path(bases[gone], SegmentFile::log);
      const std::uint64_t bytes = partition.world.content(path).size();
      if (left - bytes < kept) {
        break;
      }
      left -= bytes;
      ++gone;
    }
    const auto done = apply_retention(partition.world.files, settled_directory, {{}, kept},
                                      partition.end(), partition.now_ms);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->start, bases[gone]) << kept;
    EXPECT_EQ(partition.log_bytes(), left);
    EXPECT_EQ(partition.problem(), "");
  }
}

TEST(SettledRetention, without_a_limit_everything_stays_and_the_last_segment_always_does) {
  KeyedPartition partition(4, 80);
  const auto bases = partition.world.bases();
  const std::int64_t never = std::numeric_limits<std::int64_t>::max() / 2;
  auto done = apply_retention(partition.world.files, settled_directory, {}, partition.end(), never);
  ASSERT_TRUE(done);
  EXPECT_EQ(partition.world.bases(), bases);
  EXPECT_EQ(done->start, bases.front());
  done = apply_retention(partition.world.files, settled_directory, {0, 0}, partition.end(), never);
  ASSERT_TRUE(done);
  EXPECT_EQ(partition.world.bases(), std::vector{bases.back()});
  EXPECT_EQ(done->start, bases.back());
  EXPECT_EQ(done->segments, bases.size() - 1);
  partition.reopen();
  EXPECT_EQ(partition.problem(), "");
}

TEST(SettledRetention, what_lies_before_an_offset_goes_by_whole_segments) {
  const std::size_t count = KeyedPartition(5, 80).world.bases().size();
  ASSERT_GT(count, 4U);
  for (std::size_t number = 0; number < count; ++number) {
    for (const std::int64_t add : {-1, 0, 1}) {
      KeyedPartition partition(5, 80);
      const auto bases = partition.world.bases();
      const Offset before = offset(bases[number].value + add);
      const auto done =
          remove_before(partition.world.files, settled_directory, before, partition.end());
      ASSERT_TRUE(done) << done.error().to_string();
      const std::size_t first = add < 0 ? (number == 0 ? 0 : number - 1) : number;
      EXPECT_EQ(done->start, bases[first]) << before.value;
      EXPECT_EQ(partition.world.bases().front(), bases[first]);
      EXPECT_EQ(partition.problem(), "");
    }
  }
}

TEST(SettledRetention, a_segment_in_front_of_the_last_checkpoint_is_left_for_a_recovery) {
  KeyedPartition model(5, 80);
  const auto all = model.world.bases();
  const auto inside = std::find_if(model.batches().begin(), model.batches().end(),
                                   [&](const auto& batch) { return batch.first > all[2]; });
  for (const Offset checkpoint : {all[0], all[2], inside->first, all.back()}) {
    KeyedPartition partition(5, 80);
    ASSERT_TRUE(
        apply_retention(partition.world.files, settled_directory, {{}, 0}, checkpoint, 1000));
    ASSERT_TRUE(cut_segments(partition.world.files, settled_directory, checkpoint));
    const auto writer = partition.world.open(checkpoint, KeyedPartition::segments);
    ASSERT_TRUE(checkpoint == offset(0) || !partition.world.bases().empty());
    EXPECT_TRUE(writer) << checkpoint.value << ": " << writer.error().to_string();
  }
}

TEST(SettledRetention, a_negative_time_is_refused) {
  KeyedPartition partition(5, 80);
  const auto done =
      apply_retention(partition.world.files, settled_directory, {-1, {}}, partition.end(), 1000);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(errc::invalid_argument));
}

TEST(SettledRetention, a_partition_that_never_settled_has_no_start) {
  FaultFileSystem files;
  const auto done = apply_retention(files, settled_directory, {0, 0}, offset(10), 1000);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->start, std::nullopt);
}

TEST(SettledRetention, a_reader_of_a_removed_segment_gets_not_found_and_lists_again) {
  KeyedPartition partition(6, 80);
  const auto bases = partition.world.bases();
  auto reader = SegmentReader::open(partition.world.files, settled_directory);
  ASSERT_TRUE(remove_before(partition.world.files, settled_directory, bases[2], partition.end()));
  SettledBatches read;
  const Status gone = reader->read(bases[1], partition.end(), 100, read);
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(errc::not_found)) << gone.error().to_string();
  ASSERT_TRUE(reader->refresh());
  EXPECT_EQ(reader->start(), bases[2]);
  const Status early = reader->read(bases[1], partition.end(), 100, read);
  ASSERT_FALSE(early);
  EXPECT_TRUE(early.error().is(errc::out_of_range)) << early.error().to_string();
}

// A power cut may keep the later ones of several renames.
TEST(SettledRetention, a_segment_that_is_being_removed_takes_those_in_front_with_it) {
  KeyedPartition partition(9, 60);
  const auto bases = partition.world.bases();
  ASSERT_GT(bases.size(), 4U);
  const auto marked = [&](SegmentMark mark) {
    return segment_path(settled_directory, bases[2], SegmentFile::log, mark);
  };
  ASSERT_TRUE(
      partition.world.files.rename(marked(SegmentMark::none), marked(SegmentMark::deleted)));
  const auto reader = SegmentReader::open(partition.world.files, settled_directory);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->start(), bases[3]);
  EXPECT_EQ(partition.problem(), "");
  partition.reopen();
  EXPECT_EQ(partition.world.bases().front(), bases[3]);
  EXPECT_EQ(partition.leftovers(), "");
  EXPECT_EQ(partition.problem(), "");
}

// The process dies between any two operations, and then the power may go, too.
TEST(SettledRetention, a_death_anywhere_leaves_whole_segments) {
  bool reached = true;
  for (int number = 1; reached; ++number) {
    for (const int power : {0, 1, 2}) {
      KeyedPartition partition(7, 60);
      const auto bases = partition.world.bases();
      ASSERT_GT(bases.size(), 4U);
      FailingFiles files(partition.world.files);
      files.fail_from(number);
      const auto done = remove_before(files, settled_directory, bases[3], partition.end());
      reached = files.failed();
      EXPECT_EQ(done.has_value(), !reached);
      SeededRandom random(static_cast<std::uint64_t>(number));
      if (power == 1) {
        partition.world.files.lose_power();
      } else if (power == 2) {
        partition.world.files.lose_power(random);
      }
      const std::string what =
          "call " + std::to_string(number) + ", power " + std::to_string(power);
      ASSERT_EQ(partition.problem(), "") << what;
      partition.reopen();
      ASSERT_EQ(partition.leftovers(), "") << what;
      ASSERT_EQ(partition.problem(), "") << what;
      const auto left = partition.world.bases();
      ASSERT_LE(left.front(), bases[3]) << what;
      ASSERT_TRUE(std::equal(left.rbegin(), left.rend(), bases.rbegin())) << what;
    }
  }
}

TEST(SettledRetention, a_call_that_fails_anywhere_costs_nothing) {
  for (const ErrorCode code : {millrace::errc::io_error, millrace::errc::disk_full}) {
    bool reached = true;
    for (int number = 1; reached; ++number) {
      KeyedPartition partition(8, 60);
      const auto bases = partition.world.bases();
      FailingFiles files(partition.world.files);
      files.fail_call(number, code);
      const auto first = remove_before(files, settled_directory, bases[3], partition.end());
      reached = files.failed();
      EXPECT_EQ(first.has_value(), !reached) << number;
      ASSERT_EQ(partition.problem(), "") << number;
      const auto again = remove_before(files, settled_directory, bases[3], partition.end());
      ASSERT_TRUE(again) << again.error().to_string();
      EXPECT_EQ(again->start, bases[3]);
      EXPECT_EQ(partition.leftovers(), "") << number;
      EXPECT_EQ(partition.problem(), "") << number;
    }
  }
}

}  // namespace
}  // namespace millrace::log::embedded
