// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <string>

#include "begin_log.hpp"
#include "embedded_world.hpp"

// A checkpoint that is damaged, missing, or of another copy of the log.
namespace millrace::log {
namespace {

using testing::HasSubstr;

const std::string checkpoint = std::string(SimulatedMachine::directory) + "/checkpoint";
const std::string journal = std::string(SimulatedMachine::directory) + "/journal/";
constexpr std::uint64_t far_behind_zero = 1ULL << 40U;
constexpr int few_commits = 40;

class OtherCheckpoint : public testing::Test {
 protected:
  static LogOptions reading() {
    LogOptions options = options_of();
    options.access = LogAccess::read_only;
    return options;
  }
  /// A log of several segments, and how far a group came in it.
  void fill(SimulatedMachine& machine, std::uint64_t begin, int count, char value) {
    begin_log(machine.files, SimulatedMachine::directory, begin);
    const auto log = machine.open();
    partition_ = topic_at(*log, "t");
    const GroupId group = log->group("g").value();
    for (int i = 0; i < count; ++i) {
      Transaction transaction;
      transaction.append(partition_, {0, "k", std::string(5'000, value), {}});
      if (i == 1) {
        transaction.set_position(group, partition_, offset(1));
      }
      ASSERT_TRUE(log->commit(transaction));
    }
  }
  void expect_whole(Log& log) {
    EXPECT_EQ(values_of(log, partition_),
              std::vector<std::string>(few_commits, std::string(5'000, 'a')));
    EXPECT_EQ(log.position(log.group("g").value(), partition_).value(), offset(1));
  }
  void expect_whole_log() {
    const auto reader = machine_.open(reading());
    ASSERT_NE(reader, nullptr);
    expect_whole(*reader);
    const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_FALSE(report->corrupt || report->torn);
    EXPECT_TRUE(stat_log(SimulatedMachine::directory, machine_.environment));
    const auto log = machine_.open();
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
    EXPECT_EQ(report->end, log->committed().position);
  }

  SimulatedMachine machine_;
  TopicPartition partition_;
};

TEST_F(OtherCheckpoint, that_is_damaged_or_missing_costs_a_log_that_begins_behind_0_nothing) {
  fill(machine_, far_behind_zero, few_commits, 'a');
  ASSERT_TRUE(machine_.files.flip_bit(checkpoint, 30, 1));
  expect_whole_log();
  // Which wrote another one.
  ASSERT_TRUE(machine_.files.remove(checkpoint));
  expect_whole_log();
}

TEST_F(OtherCheckpoint, that_is_damaged_is_named_when_the_first_segment_is_missing_too) {
  fill(machine_, far_behind_zero, few_commits, 'a');
  ASSERT_TRUE(machine_.files.flip_bit(checkpoint, 30, 1));
  ASSERT_TRUE(machine_.files.remove(journal + machine_.files.list(journal)->front()));
  ASSERT_TRUE(machine_.files.remove(journal + machine_.files.list(journal)->front()));
  for (const LogOptions& options : {options_of(), reading()}) {
    const auto refused = machine_.try_open(options);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("checkpoint"));
  }
}

TEST_F(OtherCheckpoint,
       of_another_copy_of_the_log_is_refused_as_it_would_lose_positions_of_groups) {
  fill(machine_, 0, few_commits, 'a');
  SimulatedMachine copy;
  fill(copy, 0, few_commits - 5, 'b');
  ASSERT_TRUE(
      write_file_atomically(machine_.files, checkpoint, read_file(copy.files, checkpoint).value()));
  for (const LogOptions& options : {reading(), options_of()}) {
    const auto refused = machine_.try_open(options);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(checkpoint));
  }
  // As the message says.
  ASSERT_TRUE(machine_.files.remove(checkpoint));
  expect_whole_log();
}

}  // namespace
}  // namespace millrace::log
