// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "failing_files.hpp"
#include "settling_world.hpp"

// Deaths, and calls that fail, while the ballast is made and removed. On a simulated machine.
// Nothing of it keeps a log from being opened, and in the end there is one ballast again.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class BallastFaults : public Settling {
 protected:
  /// A new machine whose log was left; nothing of a ballast lies there.
  void begin() {
    start_over();
    auto log = open("first");
    fill(*log, 30);
    log.reset();
    remove_ballast();
  }
  void remove_ballast() { ASSERT_TRUE(machine().files.remove(path())); }
  static std::string path() { return root + "/ballast"; }
  /// The names of all that is or will be a ballast.
  std::vector<std::string> ballasts() {
    auto found = names("", "");
    std::erase_if(found, [](const std::string& name) { return !name.starts_with("ballast"); });
    return found;
  }
  void expect_one_ballast() {
    ASSERT_THAT(ballasts(), ElementsAre("ballast"));
    EXPECT_EQ(machine().files.open(path(), OpenMode::read).value()->size().value(),
              small_segments().segment_bytes / 2);
  }
  Result<std::unique_ptr<Log>> try_open_with(FileSystem& files, const std::string& member) {
    LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
    return open_embedded(SimulatedMachine::directory, environment, options_of("stock", member),
                         settling());
  }
  /// Nothing more fits on the disk but the lineage of an opening, which stays in the file of the
  /// others.
  void fill_disk() {
    const auto stat = [&](const auto& self, const std::string& at) -> std::uint64_t {
      const auto below = machine().files.list(at);
      if (!below) {
        return machine().files.open(at, OpenMode::read).value()->size().value();
      }
      std::uint64_t bytes = 0;
      for (const std::string& name : *below) {
        bytes += self(self, at + "/" + name);
      }
      return bytes;
    };
    constexpr std::uint64_t lineage_bytes = 16;
    machine().files.set_capacity(stat(stat, root) + lineage_bytes);
  }
  /// The member writes a checkpoint: it begins another segment, and 5 s pass.
  void make_checkpoint(Log& log) {
    fill(log, 30);
    machine().clock.advance_ms(5'001);
    ASSERT_TRUE(log.maintain());
  }
};

TEST_F(BallastFaults, a_death_at_any_call_while_it_is_made_leaves_one_in_the_end) {
  bool reached = true;
  int number = 1;
  for (; reached; ++number) {
    for (const std::string_view after : {"survivor", "recovery", "power"}) {
      SCOPED_TRACE(std::to_string(number) + ", " + std::string(after));
      begin();
      std::unique_ptr<Log> next;
      if (after == "survivor") {
        next = open("survivor");
        remove_ballast();
      }
      FailingFiles files(machine().files);
      files.count_only("/ballast");
      files.fail_from(number);
      auto victim = try_open_with(files, "victim");
      ASSERT_TRUE(victim) << victim.error().to_string();
      reached = files.failed();
      abandon(**victim);
      if (after == "power") {
        SeededRandom random(static_cast<std::uint64_t>(number));
        ASSERT_TRUE(machine().files.sync_directory(root));
        machine().lose_power(random);
      }
      (*victim).reset();
      if (next == nullptr) {
        next = open("next");
        ASSERT_NE(next, nullptr);
      } else {
        make_checkpoint(*next);
      }
      expect_one_ballast();
      expect_whole(*next);
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_EQ(number, 6) << "open, allocate, sync, rename";
}

TEST_F(BallastFaults, a_call_that_fails_while_it_is_made_leaves_it_to_the_next_checkpoint) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    for (int number = 1; reached; ++number) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(number));
      begin();
      FailingFiles files(machine().files);
      files.count_only("/ballast");
      files.fail_call(number, code);
      auto opened = try_open_with(files, "one");
      ASSERT_TRUE(opened) << opened.error().to_string();
      const auto log = *std::move(opened);
      reached = files.failed();
      if (!ballasts().empty()) {
        remove_ballast();
      }
      EXPECT_THAT(ballasts(), IsEmpty()) << "half a ballast takes room and gives none";
      files.fail_call(number, code);
      make_checkpoint(*log);
      EXPECT_EQ(files.failed(), reached);
      files.fail_call(-1, code);
      make_checkpoint(*log);
      expect_one_ballast();
      expect_whole(*log);
      if (HasFailure()) {
        return;
      }
    }
  }
}

TEST_F(BallastFaults, one_that_has_too_few_bytes_gets_the_others_in_the_end) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    for (int number = 1; reached; ++number) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(number));
      begin();
      const auto file = machine().files.open(path(), OpenMode::create).value();
      FailingFiles files(machine().files);
      files.count_only("/ballast");
      files.fail_call(number, code);
      auto opened = try_open_with(files, "one");
      ASSERT_TRUE(opened) << opened.error().to_string();
      reached = files.failed();
      files.fail_call(-1, code);
      make_checkpoint(**opened);
      expect_one_ballast();
      if (HasFailure()) {
        return;
      }
    }
  }
}

TEST_F(BallastFaults, a_process_that_dies_while_it_opens_a_log_on_a_full_disk_leaves_its_room) {
  bool reached = true;
  std::ptrdiff_t half_made = 0;
  for (int number = 1; reached; ++number) {
    for (const std::string_view after : {"recovery", "power"}) {
      SCOPED_TRACE(std::to_string(number) + ", " + std::string(after));
      begin();
      open("before").reset();
      fill_disk();
      // The next dies there, too, and has no ballast to remove.
      for (int deaths = 0; deaths < 2; ++deaths) {
        FailingFiles files(machine().files);
        files.fail_from(number);
        auto victim = try_open_with(files, "victim");
        if (deaths == 0) {
          reached = files.failed();
        }
        if (victim) {
          abandon(**victim);
        }
        half_made += std::ranges::count_if(
            ballasts(), [](const std::string& name) { return name.ends_with(".tmp"); });
        if (after == "power") {
          SeededRandom random(static_cast<std::uint64_t>(number));
          machine().lose_power(random);
        }
      }
      const auto log = open("next");
      ASSERT_NE(log, nullptr);
      expect_whole(*log);
    }
    if (HasFailure()) {
      return;
    }
  }
  EXPECT_GT(half_made, 3) << "deaths while it is made again on the full disk";
}

// XFS reserves the length of a file again before it looks which blocks are there.
TEST_F(BallastFaults, one_that_is_whole_stays_where_room_for_it_cannot_be_reserved_again) {
  begin();
  open("before").reset();
  FailingFiles files(machine().files);
  files.count_only("/ballast");
  files.fail_call(2, millrace::errc::disk_full);
  auto opened = try_open_with(files, "one");
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_TRUE(files.failed());
  expect_one_ballast();
  files.fail_call(2, millrace::errc::disk_full);
  make_checkpoint(**opened);
  expect_one_ballast();
}

TEST_F(BallastFaults, what_a_death_left_goes_also_when_the_disk_is_too_full_for_a_checkpoint) {
  begin();
  const auto log = open();
  ASSERT_TRUE(machine()
                  .files.open(root + "/ballast.1.tmp", OpenMode::create)
                  .value()
                  ->allocate(small_segments().segment_bytes / 2));
  fill(*log, 30);
  machine().clock.advance_ms(5'001);
  fill_disk();
  ASSERT_TRUE(log->maintain());
  expect_one_ballast();
}

std::function<void()> inside_ballast;

void call_inside_ballast(std::string_view point) {
  if (point == "ballast.inside" && inside_ballast != nullptr) {
    std::exchange(inside_ballast, nullptr)();
  }
}

TEST_F(BallastFaults, is_made_by_one_member_although_many_open_the_log_at_once) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  begin();
  std::vector<std::unique_ptr<Log>> others;
  inside_ballast = [&] {
    for (const char* name : {"second", "third"}) {
      others.push_back(open(name));
      EXPECT_THAT(ballasts(), SizeIs(1)) << "each takes room that may not be there";
    }
  };
  set_fault_handler(call_inside_ballast);
  const auto first = open();
  ASSERT_EQ(others.size(), 2U);
  expect_one_ballast();
}

std::function<void()> after_checkpoint;

void call_after_checkpoint(std::string_view point) {
  if (point == "settle.before_begin" && after_checkpoint != nullptr) {
    std::exchange(after_checkpoint, nullptr)();
  }
}

TEST_F(BallastFaults, is_not_made_in_a_directory_that_was_replaced) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  begin();
  const auto log = open();
  fill(*log, 60);
  after_checkpoint = [&] {
    remove_ballast();
    machine().regions.replace(root);
  };
  set_fault_handler(call_after_checkpoint);
  const Status kept = maintain_all(*log);
  EXPECT_EQ(std::exchange(after_checkpoint, nullptr), nullptr) << "no checkpoint was written";
  EXPECT_THAT(ballasts(), IsEmpty());
  EXPECT_FALSE(kept);
}

TEST_F(BallastFaults, one_that_cannot_be_removed_refuses_an_opening_on_a_full_disk_once) {
  begin();
  open("before").reset();
  fill_disk();
  FailingFiles files(machine().files);
  files.count_only("/ballast");
  files.fail_call(1, millrace::errc::io_error);
  const auto refused = try_open_with(files, "one");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::disk_full)) << refused.error().to_string();
  EXPECT_TRUE(machine().files.exists(path()));
  const auto opened = try_open_with(files, "one");
  ASSERT_TRUE(opened) << opened.error().to_string();
  expect_one_ballast();
  expect_whole(**opened);
}

TEST_F(BallastFaults, is_made_again_by_a_log_whose_checkpoints_are_those_of_settling) {
  begin();
  auto log = open();
  remove_ballast();
  for (int second = 0; second < 60; ++second) {
    machine().clock.advance_ms(1'000);
    fill(*log, 25);
    ASSERT_TRUE(maintain_all(*log));
  }
  ASSERT_LE(names("/journal", ".journal").size(), 3U) << "it did not settle";
  expect_one_ballast();
}

}  // namespace
}  // namespace millrace::log
