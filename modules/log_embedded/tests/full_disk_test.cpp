// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <string>

#include "embedded_world.hpp"
#include "failing_files.hpp"

// A log is opened on a disk without room. On a simulated machine.
namespace millrace::log {
namespace {

const std::string ballast_path = std::string(SimulatedMachine::directory) + "/ballast";

class FullDisk : public testing::Test {
 protected:
  std::unique_ptr<Log> fill(SimulatedMachine& machine) {
    auto log = machine.open();
    at_ = topic_at(*log, "t");
    values_.clear();
    for (int i = 0; i < 30; ++i) {
      append(*log);
    }
    EXPECT_TRUE(machine.files.exists(ballast_path));
    return log;
  }
  void append(Log& log) {
    values_.push_back(std::to_string(values_.size()) + std::string(3'000, 'x'));
    const auto committed = put_all(log, {at_}, values_.back());
    ASSERT_TRUE(committed) << committed.error().to_string();
  }
  /// Until there is no room.
  void append_all(Log& log) {
    auto committed = put_all(log, {at_}, "more");
    while (committed) {
      values_.emplace_back("more");
      committed = put_all(log, {at_}, "more");
    }
    EXPECT_TRUE(committed.error().is(errc::disk_full)) << committed.error().to_string();
  }

  SimulatedMachine machine_;
  TopicPartition at_;
  std::vector<std::string> values_;
};

TEST_F(FullDisk, a_log_is_opened_again_and_again_and_appends_do_not_take_the_room_for_it) {
  auto log = fill(machine_);
  machine_.fill_disk();
  for (const bool killed : {true, false, true, true}) {
    append_all(*log);
    if (killed) {
      abandon(*log);
    }
    log = machine_.open();
    ASSERT_NE(log, nullptr) << killed;
    EXPECT_TRUE(values_of(*log, at_) == values_);
  }
  machine_.files.set_capacity(10U << 20U);
  append(*log);
  log.reset();
  log = machine_.open();
  EXPECT_TRUE(machine_.files.exists(ballast_path)) << "there is room again";
  EXPECT_TRUE(values_of(*log, at_) == values_);
}

TEST_F(FullDisk, a_log_is_opened_whichever_call_finds_no_room) {
  for (const bool killed : {true, false}) {
    bool failed = true;
    for (int number = 1; failed; ++number) {
      SimulatedMachine machine;
      auto log = fill(machine);
      if (killed) {
        abandon(*log);
      }
      log.reset();
      FailingFiles files(machine.files);
      files.fail_call(number, millrace::errc::disk_full);
      LogEnvironment environment{machine.clock, files, machine.random, machine.processes};
      const auto opened =
          open_embedded(SimulatedMachine::directory, environment, options_of(), machine.embedded());
      failed = files.failed();
      files.fail_call(-1, millrace::errc::disk_full);
      if (!opened) {
        // It may have lost pages, so that the log is marked.
        EXPECT_THAT(opened.error().to_string(), testing::HasSubstr("cannot sync")) << number;
        continue;
      }
      EXPECT_TRUE(values_of(**opened, at_) == values_) << number;
      append(**opened);
    }
  }
}

TEST_F(FullDisk, refuses_more_partitions_and_adds_them_when_there_is_room) {
  auto log = fill(machine_);
  const auto other = machine_.open(options_of("stock", "other"));
  machine_.fill_disk();
  append_all(*log);
  std::int32_t total = 2;
  auto added = log->add_partitions(at_.topic, total);
  while (added) {
    added = log->add_partitions(at_.topic, ++total);
  }
  EXPECT_TRUE(added.error().is(errc::disk_full)) << added.error().to_string();
  for (Log* const one : {log.get(), other.get()}) {
    EXPECT_EQ(one->find_topic("t").value().spec.partitions, total - 1);
    EXPECT_TRUE(values_of(*one, at_) == values_);
  }
  abandon(*other);
  abandon(*log);
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(log->find_topic("t").value().spec.partitions, total - 1);
  machine_.files.set_capacity(10U << 20U);
  added = log->add_partitions(at_.topic, total);
  ASSERT_TRUE(added) << added.error().to_string();
  const TopicPartition last{at_.topic, partition(total - 1)};
  ASSERT_TRUE(put_all(*log, {at_, last}, "new"));
  values_.emplace_back("new");
  abandon(*log);
  log = machine_.open();
  EXPECT_EQ(log->find_topic("t").value().spec.partitions, total);
  EXPECT_TRUE(values_of(*log, at_) == values_);
  EXPECT_THAT(values_of(*log, last), testing::ElementsAre("new"));
}

TEST_F(FullDisk, more_partitions_are_added_or_not_whichever_call_finds_no_room) {
  bool failed = true;
  for (int number = 1; failed; ++number) {
    SCOPED_TRACE(number);
    SimulatedMachine machine;
    fill(machine).reset();
    FailingFiles files(machine.files);
    LogEnvironment environment{machine.clock, files, machine.random, machine.processes};
    auto log =
        open_embedded(SimulatedMachine::directory, environment, options_of(), machine.embedded());
    ASSERT_TRUE(log) << log.error().to_string();
    files.fail_call(number, millrace::errc::disk_full);
    const auto added = (*log)->add_partitions(at_.topic, 3);
    failed = files.failed();
    files.stop_failing();
    EXPECT_TRUE(added || added.error().is(errc::disk_full)) << added.error().to_string();
    EXPECT_EQ((*log)->find_topic("t").value().spec.partitions, added ? 3 : 1);
    ASSERT_TRUE((*log)->add_partitions(at_.topic, 3));
    ASSERT_TRUE(put_all(**log, {{at_.topic, partition(2)}}, "new"));
    EXPECT_TRUE(values_of(**log, at_) == values_);
  }
}

TEST_F(FullDisk, a_tool_leaves_the_room_to_services_and_only_reads) {
  fill(machine_).reset();
  machine_.fill_disk();
  LogOptions options = options_of();
  options.access = LogAccess::prefer_write;
  const auto tool = machine_.try_open(options);
  ASSERT_TRUE(tool) << tool.error().to_string();
  EXPECT_TRUE((*tool)->read_only_reason());
  EXPECT_TRUE(machine_.files.exists(ballast_path));
  EXPECT_TRUE(values_of(**tool, at_) == values_);
}

}  // namespace
}  // namespace millrace::log
