// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <algorithm>

#include <functional>

#include "failing_files.hpp"
#include "settling_world.hpp"

// One call of the file system fails, each one in turn, in each way: while a log is opened, gets a
// topic, is written over a roll, does its housekeeping and is closed; and while it is repaired. On
// a simulated machine.
namespace millrace::log {
namespace {

class CallFaults : public Settling {
 protected:
  static constexpr int commits = 30;

  struct Work {
    std::optional<TopicPartition> at;
    bool altered = false;
    bool marked = false;                 ///< the log takes no appends until it was repaired
    bool lossy = false;                  ///< it was repaired
    std::vector<std::string> durable;    ///< a call has said so
    std::vector<std::string> committed;  ///< all of them
  };

  /// The operation succeeds, or fails once and then succeeds, unless the log is marked.
  template <class Operation>
  static auto try_twice(Work& work, const FailingFiles& files, Operation operation) {
    auto done = operation();
    if (!done && !done.error().is(errc::failed_sync)) {
      EXPECT_TRUE(files.failed()) << done.error().to_string();
      EXPECT_TRUE(done.error().is(errc::disk_full) || done.error().is(millrace::errc::disk_full) ||
                  done.error().is(millrace::errc::io_error))
          << done.error().to_string();
      done = operation();
    }
    if (!done) {
      EXPECT_TRUE(done.error().is(errc::failed_sync)) << done.error().to_string();
      work.marked = true;
    }
    return done;
  }
  static void run(Log& log, const FailingFiles& files, Work& work) {
    const auto topic = try_twice(
        work, files, [&] { return log.create_topic({"work", 1, TopicKind::events, "stock"}); });
    if (!topic) {
      return;
    }
    work.at = {topic->id, partition(0)};
    const std::vector<SettingChange> changes = {{"cleanup.policy", "delete"},
                                                {"retention.ms", "60000"}};
    const auto altered =
        try_twice(work, files, [&] { return log.alter_topic(topic->id, changes); });
    if (!altered) {
      return;
    }
    work.altered = true;
    for (int i = 0; i < commits; ++i) {
      const std::string value = std::to_string(i) + std::string(3'000, 'x');
      if (!try_twice(work, files, [&] { return put_all(log, {*work.at}, value); })) {
        return;
      }
      work.committed.push_back(value);
      if (i % 10 == 9) {
        if (!try_twice(work, files, [&] { return log.wait_durable(log.committed()); })) {
          return;
        }
        work.durable = work.committed;
      }
    }
    if (try_twice(work, files, [&] { return maintain_all(log); })) {
      EXPECT_EQ(values_of(log, *work.at), work.committed);
    }
  }
  /// What was promised is there, and the log continues.
  void expect_kept(const Work& work) {
    // The last call that syncs is that of the handle that is closed.
    const bool marked = machine().files.exists(root + "/FAILED");
    EXPECT_TRUE(marked || !work.marked);
    if (marked) {
      const auto repaired =
          repair_log(SimulatedMachine::directory, machine().environment, false, machine().regions);
      ASSERT_TRUE(repaired) << repaired.error().to_string();
    }
    auto log = open("next");
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
    if (work.at) {
      const auto found = values_of(*log, *work.at);
      // Without a mark nothing was lost. Of what was not durable a repair may leave a part.
      EXPECT_TRUE(found == work.committed ||
                  ((marked || work.lossy) && found.size() >= work.durable.size() &&
                   found.size() <= work.committed.size() + 1))
          << found.size() << " of " << work.committed.size();
      for (std::size_t i = 0; i < std::min(found.size(), work.committed.size()); ++i) {
        EXPECT_TRUE(found[i] == work.committed[i]) << i;
      }
      if (!work.durable.empty()) {
        EXPECT_EQ(log->topic_settings(work.at->topic)->retention_ms, 60'000);
      }
    }
    fill(*log, 3);
    ASSERT_TRUE(maintain_all(*log));
    expect_good_directory();
    log.reset();
    log = open("last");
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
  }
  void begin() {
    start_over();
    auto log = open("one");
    fill(*log, 6);
    ASSERT_TRUE(maintain_all(*log));
  }
  LogEnvironment environment_of(FileSystem& files) {
    return {machine().clock, files, machine().random, machine().processes};
  }
};

TEST_F(CallFaults, in_work_on_a_log_cost_nothing_that_was_promised) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    int number = 0;
    while (reached) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(++number));
      begin();
      FailingFiles files(machine().files);
      LogEnvironment environment = environment_of(files);
      files.fail_call(number, code);
      Work work;
      auto opened = try_twice(work, files, [&] {
        return open_embedded(SimulatedMachine::directory, environment, options_of(), settling());
      });
      if (opened) {
        run(**opened, files, work);
        opened->reset();
      }
      reached = files.failed();
      files.stop_failing();
      expect_kept(work);
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(number, 50);
  }
}

TEST_F(CallFaults, in_a_repair_leave_a_log_that_can_be_repaired) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    int number = 0;
    while (reached) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(++number));
      begin();
      Work work;
      {
        auto log = open("two");
        work.at = topic_at(*log, "work");
        work.committed = {"last"};
        ASSERT_TRUE(put_all(*log, {*work.at}, "last"));
        machine().files.fail_syncs(true);
        ASSERT_FALSE(log->wait_durable(log->committed()));
        machine().files.fail_syncs(false);
      }
      FailingFiles files(machine().files);
      if (code == millrace::errc::io_error) {
        files.count_reads();
      }
      LogEnvironment environment = environment_of(files);
      files.fail_call(number, code);
      const auto repaired =
          repair_log(SimulatedMachine::directory, environment, false, machine().regions);
      reached = files.failed();
      files.stop_failing();
      EXPECT_TRUE(repaired || reached) << repaired.error().to_string();
      // What was not durable may be lost, and the log may be marked no more.
      work.lossy = true;
      expect_kept(work);
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(number, 5);
  }
}

}  // namespace
}  // namespace millrace::log
