// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "begin_log.hpp"
#include "frame.hpp"
#include "process_world.hpp"

// Logs whose positions are large: they begin far behind 0, as after many appends.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t tebibyte = 1ULL << 40U;
constexpr std::uint64_t mebibyte = 1ULL << 20U;

class LargePositions : public testing::Test {
 protected:
  void begin_at(std::uint64_t position) {
    begin_log(machine_.files, SimulatedMachine::directory, position);
  }
  /// Appends until the log ends behind `end`.
  void append_past(Log& log, TopicPartition partition, std::uint64_t end) {
    while (log.committed().position <= end) {
      values_.push_back(std::to_string(values_.size()) + std::string(20'000, 'x'));
      const auto committed = put_all(log, {partition}, values_.back());
      ASSERT_TRUE(committed) << committed.error().to_string();
    }
  }
  /// A member, a handle that only reads and the tools find all that was written.
  void expect_whole(Log& log, TopicPartition partition) {
    EXPECT_TRUE(values_of(log, partition) == values_);
    LogOptions options = options_of();
    options.access = LogAccess::read_only;
    const auto reader = machine_.open(options);
    ASSERT_NE(reader, nullptr);
    EXPECT_TRUE(values_of(*reader, partition) == values_);
    EXPECT_EQ(reader->committed().position, log.committed().position);
    const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_FALSE(report->corrupt);
    EXPECT_FALSE(report->torn);
    EXPECT_EQ(report->end, log.committed().position);
  }

  SimulatedMachine machine_;
  std::vector<std::string> values_;
};

TEST_F(LargePositions, past_1_tib_are_appended_and_read_after_a_kill_and_after_an_orderly_end) {
  begin_at(tebibyte - mebibyte);
  auto log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(log->committed().position, tebibyte - mebibyte);
  const auto partition = topic_at(*log, "t");
  append_past(*log, partition, tebibyte + mebibyte);
  expect_whole(*log, partition);
  const auto other = machine_.open(options_of("stock", "other"));
  EXPECT_TRUE(values_of(*other, partition) == values_) << "by the index that they share";
  FetchBuffer buffer;
  ASSERT_TRUE(other->fetch(partition, offset(static_cast<std::int64_t>(values_.size()) - 1),
                           1U << 20U, buffer));
  EXPECT_EQ(buffer.batches.back().position, log->committed());
  abandon(*other);
  abandon(*log);
  log = machine_.open();
  ASSERT_NE(log, nullptr) << "after a kill";
  expect_whole(*log, partition);
  append_past(*log, partition, tebibyte + 2 * mebibyte);
  log.reset();
  EXPECT_EQ(stat_log(SimulatedMachine::directory, machine_.environment)->checkpoint,
            verify_log(SimulatedMachine::directory, machine_.environment)->end);
  log = machine_.open();
  ASSERT_NE(log, nullptr) << "after an orderly end";
  expect_whole(*log, partition);
}

TEST_F(LargePositions, past_1_tib_are_in_checkpoints_and_outcomes) {
  begin_at(tebibyte - mebibyte);
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  append_past(*log, partition, tebibyte);
  Transaction transaction;
  transaction.append(partition, {0, "k", "once", {}});
  transaction.set_sequence("feed", 1);
  const auto first = log->commit(transaction);
  ASSERT_TRUE(first) << first.error().to_string();
  values_.emplace_back("once");
  machine_.clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain());
  EXPECT_EQ(stat_log(SimulatedMachine::directory, machine_.environment)->checkpoint,
            log->committed().position);
  EXPECT_EQ(log->durable(), log->committed());
  for (const bool killed : {true, false}) {
    if (killed) {
      abandon(*log);
    }
    log.reset();
    log = machine_.open();
    ASSERT_NE(log, nullptr);
    const auto again = log->commit(transaction);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->position.position, first->position.position);
    expect_whole(*log, partition);
  }
}

TEST_F(LargePositions, past_1_tib_survive_a_loss_of_power_and_a_repair) {
  begin_at(tebibyte - mebibyte);
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  append_past(*log, partition, tebibyte);
  const auto durable = put_all(*log, {partition}, "durable");
  values_.emplace_back("durable");
  ASSERT_TRUE(log->wait_durable(durable->position));
  ASSERT_TRUE(put_all(*log, {partition}, "lost"));
  abandon(*log);
  machine_.regions.lose_power();
  machine_.files.lose_power();
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log, partition);
  const auto cut = put_all(*log, {partition}, "cut");
  const std::uint64_t before = durable->position.position;
  log.reset();
  const auto segments =
      machine_.files.list(std::string(SimulatedMachine::directory) + "/journal").value();
  const std::uint64_t start = std::stoull(segments.back());
  ASSERT_TRUE(machine_.files.flip_bit(
      std::string(SimulatedMachine::directory) + "/journal/" + segments.back(),
      cut->position.position - start - 20, 1));
  const auto refused = machine_.try_open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("position " + std::to_string(before)));
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  EXPECT_EQ(repaired->cut_from, before);
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log, partition);
}

TEST_F(LargePositions, end_below_2_to_the_63_with_an_error_and_all_before_stays_readable) {
  begin_at(embedded::max_position - mebibyte / 4);
  auto log = machine_.open();
  ASSERT_NE(log, nullptr);
  const auto partition = topic_at(*log, "t");
  Result<Committed> committed;
  while (committed) {
    values_.push_back(std::to_string(values_.size()) + std::string(3'000, 'x'));
    committed = put_all(*log, {partition}, values_.back());
  }
  values_.pop_back();
  EXPECT_GT(values_.size(), 70U);
  EXPECT_TRUE(committed.error().is(errc::limit)) << committed.error().to_string();
  EXPECT_THAT(committed.error().message(), HasSubstr("9223372036854775808"));
  expect_whole(*log, partition);
  for (const bool killed : {true, false}) {
    if (killed) {
      abandon(*log);
    }
    log.reset();
    log = machine_.open();
    ASSERT_NE(log, nullptr);
    expect_whole(*log, partition);
    const auto refused = put_all(*log, {partition}, std::string(4'000, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  }
}

TEST_F(LargePositions, of_a_file_that_no_log_can_have_do_not_make_it_a_segment) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  values_.emplace_back("v");
  ASSERT_TRUE(put_all(*log, {partition}, values_.back()));
  log.reset();
  const std::string path =
      std::string(SimulatedMachine::directory) + "/journal/18446744073709551615.journal";
  auto file = machine_.files.open(path, OpenMode::create);
  ASSERT_TRUE(file && (*file)->allocate(4096) && (*file)->sync());
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  expect_whole(*log, partition);
  EXPECT_TRUE(machine_.files.remove(path));
}

TEST_F(EmbeddedProcesses, killed_past_1_tib_are_followed_by_others) {
  begin_log(real_file_system(), path(), tebibyte - mebibyte / 4);
  Child writer([&] {
    const auto own = open("writer");
    const auto partition = topic_at(*own, "t");
    for (int i = 0; own->committed().position <= tebibyte + mebibyte / 4; ++i) {
      if (!put_all(*own, {partition}, std::to_string(i) + std::string(9'000, 'x'))) {
        return 1;
      }
    }
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_TRUE(was_killed(writer.wait()));
  auto log = open("next");
  ASSERT_NE(log, nullptr);
  const auto partition = topic_at(*log, "t");
  EXPECT_GT(log->committed().position, tebibyte + mebibyte / 4);
  const auto values = values_of(*log, partition);
  ASSERT_GT(values.size(), 50U);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(values[i].starts_with(std::to_string(i) + "x")) << i;
  }
  ASSERT_TRUE(put_all(*log, {partition}, "more"));
  log.reset();
  log = open("last");
  EXPECT_EQ(values_of(*log, partition).back(), "more");
  const auto report = verify_log(path(), environment_);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_FALSE(report->corrupt);
}

}  // namespace
}  // namespace millrace::log
