// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <utility>

#include "cleaning_world.hpp"
#include "hooked_files.hpp"

// What readers find while a log removes and compacts. On a simulated machine.
namespace millrace::log {
namespace {

/// Reads through files that another member changes in between.
class CleaningMeanwhile : public Cleaning {
 protected:
  /// A log that has settled, with commands that are to go and a table that is to be compacted.
  std::unique_ptr<Log> begin() {
    begin_again();
    EmbeddedOptions options = settling();
    options.settle.cleaning_interval_ms = 1'000;
    auto log = machine().open(options_of("stock", "one"), options);
    EXPECT_TRUE(maintain_all(*log));
    write(*log, 40);
    EXPECT_TRUE(maintain_all(*log));
    pass_a_week();
    return log;
  }
  HookedFiles& hooked() { return *hooked_; }
  std::unique_ptr<Log> open_hooked(LogAccess access) {
    hooked_.emplace(machine().files);
    environment_.emplace(
        LogEnvironment{machine().clock, *hooked_, machine().random, machine().processes});
    LogOptions options = options_of("stock", "hooked");
    options.access = access;
    return open_embedded(root, *environment_, options, machine().embedded()).value();
  }

  std::optional<HookedFiles> hooked_;
  std::optional<LogEnvironment> environment_;
};

TEST_F(CleaningMeanwhile, a_reader_in_the_middle_finds_records_or_where_the_partition_begins) {
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    int removed = 0;
    bool reached = true;
    for (int number = 0; reached; ++number) {
      SCOPED_TRACE(std::to_string(number) + (access == LogAccess::read_only ? " read-only" : ""));
      auto log = begin();
      ASSERT_FALSE(names("/settled/stock.table.changelog-0", ".log").empty());
      auto reader = open_hooked(access);
      hooked().before_call(number, [&] { clean(*log); });
      FetchBuffer buffer;
      const Status commands = reader->fetch(commands_at_, offset(12), 3'000, buffer);
      const bool found =
          commands && !buffer.records.empty() && buffer.records[0].offset == offset(12);
      const bool gone = !commands && commands.error().is(errc::out_of_range) &&
                        reader->start_offset(commands_at_).value() > offset(12);
      ASSERT_TRUE(found || gone) << commands.error().to_string();
      // The removal comes before the search, amid it or behind it.
      const Offset before = reader->start_offset(commands_at_).value();
      const auto time = reader->find_time(commands_at_, 12);
      ASSERT_TRUE(time) << time.error().to_string();
      const Offset after = reader->start_offset(commands_at_).value();
      ASSERT_THAT(*time, testing::AnyOf(std::max(before, offset(12)), std::max(after, offset(12))));
      ASSERT_EQ(table_problem(*reader, 3'000), "");
      reached = hooked().was_called();
      removed += gone ? 1 : 0;
      hooked().before_call(0, nullptr);
      ASSERT_EQ(commands_problem(*reader), "");
      reader.reset();
    }
    EXPECT_GT(removed, 2);
  }
}

TEST_F(CleaningMeanwhile, verify_finds_no_damage_while_segments_are_removed_and_compacted) {
  bool reached = true;
  int number = 0;
  for (; reached; ++number) {
    SCOPED_TRACE(number);
    auto log = begin();
    hooked_.emplace(machine().files);
    LogEnvironment environment{machine().clock, *hooked_, machine().random, machine().processes};
    hooked().before_call(number, [&] { clean(*log); });
    const auto report = verify_log(root, environment);
    reached = hooked().was_called();
    hooked().before_call(0, nullptr);
    ASSERT_TRUE(report) << report.error().to_string();
    ASSERT_FALSE(report->corrupt);
    ASSERT_EQ(report->settled_corrupt, "");
  }
  EXPECT_GT(number, 30);
}

std::function<void()> at_each_change;

void call_at_change(std::string_view point) {
  if ((point == "settle.change" || point.starts_with("clean.")) && at_each_change != nullptr) {
    // What it does changes nothing itself.
    const auto call = std::exchange(at_each_change, nullptr);
    call();
    at_each_change = call;
  }
}

TEST_F(CleaningMeanwhile, all_readers_find_all_records_at_every_step_of_a_change) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = begin();
  const auto member = open("member");
  const auto reader = open_to_read();
  int steps = 0;
  at_each_change = [&] {
    ++steps;
    ASSERT_EQ(problem(*member), "") << steps;
    ASSERT_EQ(problem(*reader), "") << steps;
    ASSERT_EQ(problem(*open_to_read()), "") << steps;
    expect_good_directory();
  };
  set_fault_handler(call_at_change);
  for (int round = 0; round < 3; ++round) {
    clean(*log);
    write(*log, 30);
    pass_a_week();
  }
  at_each_change = nullptr;
  EXPECT_GT(steps, 50);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(0));
}

TEST_F(CleaningMeanwhile, others_settle_while_a_large_partition_is_compacted) {
  begin_again();
  EmbeddedOptions options = settling();
  options.segment_bytes = 4U << 20U;
  options.settle.segment_bytes = 2U << 20U;
  const auto log = machine().open(options_of("stock", "one"), options);
  const TopicPartition other = topic_at(*log, "other");
  write(*log, 250, 100'000);
  int calls = 0;
  std::vector<std::string> values;
  while (count_of(*log, "compacted_records") == 0) {
    ASSERT_LT(++calls, 100);
    values.push_back(std::to_string(calls));
    ASSERT_TRUE(log->wait_durable(put_all(*log, {other}, values.back())->position));
    const std::uint64_t settled = count_of(*log, "settled_bytes");
    ASSERT_TRUE(maintain_all(*log));
    EXPECT_GT(count_of(*log, "settled_bytes"), settled) << calls;
  }
  EXPECT_GT(calls, 3);
  EXPECT_EQ(values_of(*log, other), values);
  EXPECT_EQ(problem(*log), "");
}

}  // namespace
}  // namespace millrace::log
