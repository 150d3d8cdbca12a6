// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "failing_files.hpp"
#include "settling_world.hpp"

// One call that reads fails, or one that writes: the next one succeeds. On a simulated machine.
namespace millrace::log {
namespace {

class FailingReads : public Settling {
 protected:
  /// A new machine whose log has settled, and was not closed.
  void begin() {
    start_over();
    auto log = open("one");
    fill(*log, 45);
    ASSERT_TRUE(maintain_all(*log));
    fill(*log, 25);
    abandon(*log);
  }
  Result<std::unique_ptr<Log>> try_open(FileSystem& files, LogAccess access) {
    environment_ = std::make_unique<LogEnvironment>(
        LogEnvironment{machine().clock, files, machine().random, machine().processes});
    LogOptions options = options_of();
    options.access = access;
    return open_embedded(SimulatedMachine::directory, *environment_, options, settling());
  }
  void expect_recovered() {
    const auto log = open("next");
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
    fill(*log, 20);
    ASSERT_TRUE(maintain_all(*log));
    expect_whole(*log);
    expect_good_directory();
  }

  std::unique_ptr<LogEnvironment> environment_;
};

TEST_F(FailingReads, anywhere_in_an_opening_cost_nothing) {
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    bool reached = true;
    for (int number = 1; reached; ++number) {
      SCOPED_TRACE(std::to_string(number) + (access == LogAccess::read_only ? ", reader" : ""));
      begin();
      FailingFiles files(machine().files);
      files.count_reads();
      files.fail_call(number, millrace::errc::io_error);
      auto log = try_open(files, access);
      reached = files.failed();
      files.stop_failing();
      if (log) {
        expect_whole(**log);
        log->reset();
      } else if (log.error().to_string().find("cannot sync") != std::string::npos) {
        continue;  // the log is marked: what a failed sync lost is not known
      }
      expect_recovered();
      if (HasFailure()) {
        return;
      }
    }
  }
}

TEST_F(FailingReads, anywhere_in_a_round_of_settling_cost_nothing) {
  bool reached = true;
  for (int number = 1; reached; ++number) {
    SCOPED_TRACE(number);
    begin();
    FailingFiles files(machine().files);
    auto log = try_open(files, LogAccess::read_write);
    ASSERT_TRUE(log) << log.error().to_string();
    files.count_reads();
    files.fail_call(number, millrace::errc::io_error);
    static_cast<void>(maintain_all(**log));
    reached = files.failed();
    files.stop_failing();
    const bool marked = machine().files.exists(root + "/FAILED");
    log->reset();
    if (!marked) {
      expect_recovered();
    }
    if (HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace millrace::log
