// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "cleaning_world.hpp"
#include "failing_files.hpp"

// Retention and compaction that end early: by a death, a loss of power, a call that fails. On a
// simulated machine. No record that a topic keeps is lost, and a later pass completes.
namespace millrace::log {
namespace {

class CleaningFaults : public Cleaning {
 protected:
  /// A new machine whose log has commands to remove and a table to compact.
  std::unique_ptr<Log> begin() {
    begin_again();
    auto log = open_with_small_steps("one");
    write(*log, 40);
    return log;
  }
  void expect_recovered(std::unique_ptr<Log> log) {
    ASSERT_NE(log, nullptr);
    ASSERT_EQ(problem(*log), "");
    write(*log, 30);
    clean(*log);
    ASSERT_EQ(problem(*log), "");
    EXPECT_GT(log->start_offset(commands_at_).value(), offset(20));
    EXPECT_EQ(std::stoll(names("/settled/stock.commands-0", ".log").front()),
              log->start_offset(commands_at_)->value);
    EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
    for (const char* const mark : {".deleted", ".cleaned", ".swap"}) {
      EXPECT_TRUE(names("/settled/stock.commands-0", mark).empty()) << mark;
      EXPECT_TRUE(names("/settled/stock.table.changelog-0", mark).empty()) << mark;
    }
    expect_good_directory();
    log.reset();
    log = open("last");
    ASSERT_NE(log, nullptr);
    ASSERT_EQ(problem(*log), "");
    ASSERT_EQ(problem(*open_to_read()), "");
  }
};

const char* const cleaning_points[] = {
    "clean.version_raised", "clean.before_checkpoint", "checkpoint.before_write",
    "clean.start_raised",   "clean.before_removal",    "settle.change",
    "settle.file_made",     "settle.written",          "settle.synced"};

TEST_F(CleaningFaults, a_death_at_any_point_of_a_change_costs_nothing) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* const point : cleaning_points) {
    int deaths = 0;
    bool died = true;
    for (int nth = 1; died && nth <= 60; nth += 1 + nth / 8) {
      for (const char* const after : {"survivor", "recovery", "power"}) {
        SCOPED_TRACE(std::string(point) + " " + std::to_string(nth) + ", " + after);
        auto victim = begin();
        pass_a_week();
        std::unique_ptr<Log> next;
        if (after == std::string_view("survivor")) {
          next = open("survivor");
        }
        plan(point, nth);
        died = dies(*victim, [&] { clean(*victim); });
        forget_plan();
        if (!died) {
          break;
        }
        ++deaths;
        if (after == std::string_view("power")) {
          SeededRandom random(static_cast<std::uint64_t>(nth));
          machine().lose_power(random);
          tombstones_from_ = {};
        }
        victim.reset();
        expect_recovered(next != nullptr ? std::move(next) : open("next"));
        if (HasFailure()) {
          return;
        }
      }
    }
    EXPECT_GT(deaths, 0) << point;
  }
}

TEST_F(CleaningFaults, a_call_that_fails_anywhere_costs_nothing) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    int number = 0;
    for (; reached; ++number) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(number + 1));
      begin().reset();
      pass_a_week();
      FailingFiles files(machine().files);
      LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
      EmbeddedOptions options = settling();
      options.settle.compaction_step_bytes = 1;
      auto log =
          open_embedded(SimulatedMachine::directory, environment, options_of(), options).value();
      files.fail_call(number + 1, code);
      Status kept;
      for (int call = 0; kept && call < 16; ++call) {
        kept = maintain_all(*log);
      }
      reached = files.failed();
      files.fail_call(0, code);
      if (!kept) {
        ASSERT_TRUE(kept.error().is(errc::failed_sync)) << kept.error().to_string();
        log.reset();
        ASSERT_TRUE(repair_log(SimulatedMachine::directory, machine().environment, false,
                               machine().regions));
      } else {
        ASSERT_EQ(problem(*log), "");
        log.reset();
      }
      expect_recovered(open("next"));
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(number, 50);
  }
}

}  // namespace
}  // namespace millrace::log
