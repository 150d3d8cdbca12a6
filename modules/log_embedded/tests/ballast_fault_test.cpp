// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "failing_files.hpp"
#include "settling_world.hpp"

// Deaths, and calls that fail, while the ballast is made and removed. On a simulated machine.
// Nothing of it keeps a log from being opened, and in the end there is one ballast again.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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
  /// Nothing more fits on the disk.
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
    machine().files.set_capacity(stat(stat, root));
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
  EXPECT_GT(number, 4);
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
  int number = 1;
  for (; reached; ++number) {
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
        reached = files.failed();
        if (victim) {
          abandon(**victim);
        }
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
  EXPECT_GT(number, 5);
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
