// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ballast.hpp"
#include "cleaning_world.hpp"

// What a log removes on a disk without room gives the room back. On a simulated machine.
namespace millrace::log {
namespace {

const std::string ballast_of_log = root + "/" + embedded::ballast_name;

SimulatedMachine* machine_of_point = nullptr;
std::vector<std::string> points_seen;

std::uint64_t ballast_bytes_left = 0;

void see_point(std::string_view point) { points_seen.emplace_back(point); }

void see_ballast(std::string_view point) {
  if (point == "clean.before_removal") {
    const auto file = machine_of_point->files.open(ballast_of_log, OpenMode::read);
    ballast_bytes_left = file ? (*file)->size().value_or(0) : 0;
  }
}

void fill_disk_there(std::string_view point) {
  if (point == "settle.published") {
    machine_of_point->fill_disk();
  }
}

class FullDiskRemoval : public Cleaning {
 protected:
  /// Removal is due at once, but nothing fits on the disk.
  std::unique_ptr<Log> full() {
    auto log = open();
    write(*log, 80);
    clean(*log);
    pass_a_week();
    machine().fill_disk();
    return log;
  }
  /// Until a commit finds no room; true when some found it.
  static bool fill(Log& log, TopicPartition at) {
    bool done = false;
    auto committed = put_all(log, {at}, std::string(5'000, 'x'));
    for (; committed; done = true) {
      committed = put_all(log, {at}, std::string(5'000, 'x'));
    }
    EXPECT_TRUE(committed.error().is(errc::disk_full)) << committed.error().to_string();
    return done;
  }
};

TEST_F(FullDiskRemoval, old_records_go_and_appends_find_room_again) {
  auto log = full();
  const TopicPartition at = topic_at(*log, "t");
  fill(*log, at);
  clean(*log);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(60));
  EXPECT_GT(count_of(*log, "removed_bytes"), 60U * 1'500U);
  EXPECT_TRUE(machine().files.exists(ballast_of_log));
  EXPECT_TRUE(fill(*log, at));
  EXPECT_EQ(problem(*log), "");
  abandon(*log);
  log = open("next");
  ASSERT_NE(log, nullptr);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(60));
  EXPECT_EQ(problem(*log), "");
}

TEST_F(FullDiskRemoval, the_last_checkpoint_serves_when_a_newer_one_finds_no_room) {
  EmbeddedOptions options = settling();
  options.settle.cleaning_interval_ms = 60'000;
  auto log = machine().open(options_of("stock"), options);
  write(*log, 80);
  clean(*log);
  machine().clock.advance_ms(60'000);
  clean(*log);
  write(*log, 5);
  clean(*log);
  pass_a_week();
  machine().fill_disk();
  clean(*log);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(60));
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  EXPECT_EQ(problem(*log), "");
}

TEST_F(FullDiskRemoval, takes_no_more_of_the_ballast_than_a_checkpoint_needs) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = full();
  fill(*log, topic_at(*log, "t"));
  machine_of_point = &machine();
  ballast_bytes_left = 0;
  const FaultHandler former = set_fault_handler(see_ballast);
  clean(*log);
  set_fault_handler(former);
  EXPECT_GT(ballast_bytes_left, 0U);
  EXPECT_LT(ballast_bytes_left, small_segments().segment_bytes / 2);
  EXPECT_EQ(machine().files.open(ballast_of_log, OpenMode::read).value()->size().value(),
            small_segments().segment_bytes / 2);
  EXPECT_EQ(problem(*log), "");
}

TEST_F(FullDiskRemoval, the_ballast_is_there_again_before_compaction_takes_room) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  EmbeddedOptions options = settling();
  options.settle.cleaning_interval_ms = 60'000;
  auto log = machine().open(options_of("stock"), options);
  clean(*log);
  write(*log, 80);
  clean(*log);
  pass_a_week();
  machine().fill_disk();
  points_seen.clear();
  const FaultHandler former = set_fault_handler(see_point);
  clean(*log);
  set_fault_handler(former);
  const auto removed = std::ranges::find(points_seen, "clean.before_removal");
  const auto made = std::find(removed, points_seen.end(), "ballast.grown");
  const auto compacted = std::find(removed, points_seen.end(), "settle.file_made");
  EXPECT_NE(compacted, points_seen.end());
  EXPECT_LT(made, compacted);
}

TEST_F(FullDiskRemoval, settled_segments_of_the_journal_go) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open();
  write(*log, 80);
  const auto journal = [&] { return names("/journal", "").size(); };
  const std::size_t before = journal();
  ASSERT_GT(before, 3U);
  machine_of_point = &machine();
  const FaultHandler former = set_fault_handler(fill_disk_there);
  clean(*log);
  set_fault_handler(former);
  EXPECT_LT(journal(), before);
  EXPECT_TRUE(machine().files.exists(ballast_of_log));
  EXPECT_EQ(problem(*log), "");
}

TEST_F(FullDiskRemoval, a_death_anywhere_leaves_a_log_that_opens_and_removes) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string_view point :
       {"clean.before_checkpoint", "clean.start_raised", "checkpoint.before_write",
        "clean.before_removal", "ballast.grown"}) {
    for (int nth = 1;; ++nth) {
      begin_again();
      auto log = full();
      plan(point, nth);
      const bool died = dies(*log, [&] { clean(*log); });
      forget_plan();
      log = open("next");
      ASSERT_NE(log, nullptr) << point << nth;
      EXPECT_EQ(problem(*log), "") << point << nth;
      clean(*log);
      EXPECT_GT(log->start_offset(commands_at_).value(), offset(60)) << point << nth;
      EXPECT_TRUE(machine().files.exists(ballast_of_log)) << point << nth;
      EXPECT_EQ(problem(*log), "") << point << nth;
      if (!died) {
        EXPECT_GT(nth, 1) << point;
        break;
      }
    }
  }
}

}  // namespace
}  // namespace millrace::log
