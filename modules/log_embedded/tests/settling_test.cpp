// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>

#include "hooked_files.hpp"
#include "settling_world.hpp"
#include "version.hpp"

// What a log that settles shows to its readers and tools. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

const std::string root = SimulatedMachine::directory;

std::uint64_t count_of(const Log& log, std::string_view name) {
  const auto counts = log.counts();
  const auto found = std::find_if(counts.begin(), counts.end(),
                                  [&](const LogCount& count) { return count.name == name; });
  EXPECT_NE(found, counts.end()) << name;
  return found == counts.end() ? 0 : found->value;
}

TEST_F(Settling, moves_batches_into_files_and_readers_do_not_notice) {
  auto log = open();
  fill(*log, 8);
  ASSERT_TRUE(log->maintain());
  EXPECT_FALSE(names("/settled/t-0", ".log").empty());
  EXPECT_FALSE(names("/settled/t-1", ".log").empty());
  EXPECT_GT(count_of(*log, "settled_bytes"), 8U * 3'000U);
  expect_whole(*log);
  fill(*log, 5);
  expect_whole(*log);
  expect_good_directory();
  abandon(*log);
  log = open();
  ASSERT_NE(log, nullptr) << "after a kill";
  expect_whole(*log);
  fill(*log, 5);
  log.reset();
  log = machine().open();
  ASSERT_NE(log, nullptr) << "with a handle that does not settle";
  expect_whole(*log);
  EXPECT_EQ(count_of(*log, "settling_errors"), 0U);
}

TEST_F(Settling, removes_segments_of_the_journal_that_nobody_needs) {
  auto log = open();
  for (int round = 0; round < 4; ++round) {
    fill(*log, 60);
    ASSERT_TRUE(log->maintain());
    EXPECT_LE(names("/journal", ".journal").size(), 2U);
    EXPECT_TRUE(names("/journal", ".batches").empty());
    expect_whole(*log);
    expect_good_directory();
    const auto other = open("other");
    ASSERT_NE(other, nullptr) << "who comes later";
    expect_whole(*other);
    const auto reader = open_to_read();
    ASSERT_NE(reader, nullptr);
    expect_whole(*reader);
    ASSERT_TRUE(stat_log(root, machine().environment));
    if (round % 2 == 0) {
      abandon(*other);
      abandon(*log);
    }
    log.reset();
    log = open();
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
  }
  EXPECT_GT(names("/settled/t-0", ".log").size(), 3U);
}

TEST_F(Settling, is_not_noticed_by_handles_that_were_open_before) {
  auto log = open("one");
  fill(*log, 30);
  const auto member = open("two");
  expect_whole(*member);
  const auto slow_member = open("three");
  const auto reader = open_to_read();
  expect_whole(*reader);
  const auto slow_reader = open_to_read();
  for (int round = 0; round < 3; ++round) {
    fill(*log, 60);
    ASSERT_TRUE(log->maintain());
    ASSERT_GT(names("/settled/t-0", ".log").size(), 3U);
    expect_whole(*member);
    expect_whole(*reader);
  }
  expect_whole(*slow_member);
  expect_whole(*slow_reader);
  const auto topic = topic_at(*log, "later");
  fill(*log, 60);
  ASSERT_TRUE(log->maintain());
  EXPECT_EQ(slow_member->find_topic("later")->id, topic.topic);
  EXPECT_EQ(slow_reader->find_topic("later")->id, topic.topic);
}

TEST_F(Settling, knows_the_outcome_of_a_commit_whose_frame_was_removed) {
  auto log = open();
  const auto t = topic_at(*log, "t", 2);
  const TopicPartition other{t.topic, partition(1)};
  Transaction once;
  once.append(other, {0, "k", "first", {}});
  once.append(t, {0, "k", "second", {}});
  once.set_sequence("feed", 1);
  fill(*log, 3);
  const auto first = log->commit(once);
  ASSERT_TRUE(first);
  expected_b_.push_back({"first", first->places[0].first, first->position.position});
  expected_a_.push_back({"second", first->places[1].first, first->position.position});
  for (int round = 0; round < 6; ++round) {
    const auto again = log->commit(once);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->position, first->position);
    ASSERT_EQ(again->places.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(again->places[i].place, first->places[i].place);
      EXPECT_EQ(again->places[i].first, first->places[i].first);
    }
    Transaction old;
    old.append(t, {0, "k", "v", {}});
    old.set_sequence("feed", 0);
    EXPECT_FALSE(log->commit(old));
    a_ = t;
    fill(*log, 60);
    ASSERT_TRUE(log->maintain());
    if (round % 3 == 1) {
      abandon(*log);
    }
    if (round % 3 != 0) {
      log.reset();
      log = open();
    }
  }
  expect_whole(*log);
}

TEST_F(Settling, waits_until_a_partition_has_enough_or_its_oldest_batch_is_old) {
  EmbeddedOptions options = settling();
  options.settle = {};
  options.settle.on = true;
  const auto log = machine().open(options_of(), options);
  fill(*log, 10, 1'000);
  ASSERT_TRUE(log->maintain());
  EXPECT_FALSE(machine().files.exists(root + "/settled"));
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 1U)
      << "older builds open a log that never settled";
  fill(*log, 60, 1'000);
  machine().clock.advance_ms(1'000);
  ASSERT_TRUE(log->maintain());
  EXPECT_FALSE(names("/settled/t-0", ".log").empty()) << "64 KiB";
  EXPECT_TRUE(names("/settled/t-1", ".log").empty());
  machine().clock.advance_ms(600'000);
  ASSERT_TRUE(log->maintain());
  EXPECT_FALSE(names("/settled/t-1", ".log").empty()) << "10 minutes";
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 2U);
  expect_whole(*log);
}

TEST_F(Settling, keeps_what_is_read_at_opening_small_however_much_was_written) {
  HookedFiles counted(machine().files);
  LogEnvironment environment{machine().clock, counted, machine().random, machine().processes};
  const auto bytes_to_open = [&](LogAccess access) {
    const std::uint64_t before = counted.bytes_read();
    LogOptions options = options_of();
    options.access = access;
    const auto log = open_embedded(root, environment, options, settling());
    EXPECT_TRUE(log) << log.error().to_string();
    return counted.bytes_read() - before;
  };
  for (int round = 0; round < 3; ++round) {
    auto log = open();
    fill(*log, 200);
    ASSERT_TRUE(log->maintain());
    abandon(*log);
    log.reset();
    const std::uint64_t unsettled = stat_log(root, machine().environment)->allocated_bytes;
    const std::uint64_t checkpoint = read_file(machine().files, root + "/checkpoint")->size();
    EXPECT_LE(unsettled, 3U * (64U << 10U));
    // The segments that are left are walked, looked through for what proves more, and cut.
    for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
      EXPECT_LE(bytes_to_open(access), 5 * unsettled + 3 * checkpoint) << round;
    }
  }
  expect_whole(*open());
}

TEST_F(Settling, leaves_a_batch_that_is_damaged_in_the_journal) {
  auto log = open();
  fill(*log, 10);
  const std::uint64_t end = expected_a_[4].commit_end;
  ASSERT_TRUE(
      machine().files.flip_bit(root + "/journal/00000000000000000000.journal", end - 1'000, 1));
  ASSERT_TRUE(log->maintain());
  EXPECT_GT(count_of(*log, "settling_errors"), 0U);
  fill(*log, 80);
  ASSERT_TRUE(log->maintain());
  EXPECT_EQ(names("/journal", ".journal").front(), "00000000000000000000.journal");
  FetchBuffer buffer;
  for (std::size_t i = 0; i < expected_a_.size(); ++i) {
    const Status fetched = log->fetch(a_, expected_a_[i].offset, 1, buffer);
    ASSERT_EQ(fetched.has_value(), i != 4) << i;
    EXPECT_TRUE(fetched || fetched.error().is(errc::corrupt));
  }
  EXPECT_TRUE(verify_log(root, machine().environment)->corrupt);
}

TEST_F(Settling, slows_commits_while_too_much_waits) {
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 100'000;
  const auto log = machine().open(options_of(), options);
  fill(*log, 10);
  EXPECT_EQ(count_of(*log, "slowed_commits"), 0U);
  const std::int64_t before = machine().clock.monotonic_ns();
  fill(*log, 60);
  EXPECT_GT(count_of(*log, "slowed_commits"), 10U);
  EXPECT_GT(machine().clock.monotonic_ns(), before);
  ASSERT_TRUE(log->maintain());
  const std::uint64_t slowed = count_of(*log, "slowed_commits");
  fill(*log, 10);
  EXPECT_EQ(count_of(*log, "slowed_commits"), slowed);
}

TEST_F(Settling, names_a_checkpoint_that_is_damaged) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(log->maintain());
  log.reset();
  const std::string good = read_file(machine().files, root + "/checkpoint").value();
  ASSERT_TRUE(machine().files.flip_bit(root + "/checkpoint", 40, 1));
  for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
    LogOptions options = options_of();
    options.access = access;
    const auto refused = machine().try_open(options);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(root + "/checkpoint: missing or damaged"));
  }
  ASSERT_TRUE(write_file_atomically(machine().files, root + "/checkpoint", good));
  expect_whole(*open());
}

TEST_F(Settling, verify_names_damage_of_settled_segments_and_repair_leaves_them) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(log->maintain());
  fill(*log, 2);
  log.reset();
  const auto report = verify_log(root, machine().environment);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->settled_records, expected_a_.size() + expected_b_.size() - 3);
  // The tail of a crash is cut, as without settling.
  const std::uint64_t end = report->end;
  const std::string last = "/journal/" + names("/journal", ".journal").back();
  ASSERT_TRUE(machine().files.flip_bit(root + last, end - std::stoull(last.substr(9)), 1));
  const auto repaired = repair_log(root, machine().environment, false, machine().regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  EXPECT_TRUE(repaired->changed);
  expect_whole(*open());
  const std::string file = root + "/settled/t-0/" + names("/settled/t-0", ".log").front();
  ASSERT_TRUE(machine().files.flip_bit(file, 200, 1));
  EXPECT_THAT(verify_log(root, machine().environment)->settled_corrupt, HasSubstr(file));
}

TEST_F(Settling, is_not_cut_below_its_checkpoint) {
  auto log = open();
  fill(*log, 60);
  ASSERT_TRUE(log->maintain());
  fill(*log, 2);
  const std::uint64_t damaged = expected_a_.back().commit_end - 100;
  log.reset();
  const std::string last = "/journal/" + names("/journal", ".journal").back();
  ASSERT_TRUE(machine().files.flip_bit(root + last, damaged - std::stoull(last.substr(9)), 1));
  for (const bool dry_run : {true, false}) {
    const auto refused = repair_log(root, machine().environment, dry_run, machine().regions);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr(last));
  }
  ASSERT_TRUE(machine().files.flip_bit(root + last, damaged - std::stoull(last.substr(9)), 1));
  expect_whole(*open());
}

// A damaged frame in the last group of commits cannot be distinguished from a torn one, so it is
// cut.
TEST_F(Settling, shows_nothing_of_a_history_that_was_cut) {
  for (const bool repaired : {true, false}) {
    start_over();
    EmbeddedOptions options = settling();
    options.segment_bytes = 1U << 20U;
    auto log = machine().open(options_of(), options);
    fill(*log, 40);
    ASSERT_TRUE(log->maintain());
    ASSERT_GT(names("/settled/t-0", ".log").size(), 3U);
    abandon(*log);
    log.reset();
    constexpr std::size_t kept = 10;
    ASSERT_TRUE(machine().files.flip_bit(root + "/journal/00000000000000000000.journal",
                                         expected_a_[kept].commit_end - 1'000, 1));
    if (repaired) {
      const auto report = repair_log(root, machine().environment, false, machine().regions);
      ASSERT_TRUE(report) << report.error().to_string();
      EXPECT_EQ(report->cut_from, expected_a_[kept - 1].commit_end);
    }
    expected_a_.resize(kept);
    expected_b_.resize((kept + 2) / 3);
    written_ = 1'000;
    log = machine().open(options_of(), options);
    ASSERT_NE(log, nullptr);
    fill(*log, 5);
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(log->maintain());
      expect_whole(*log);
      fill(*log, 40);
    }
    expect_good_directory();
  }
}

TEST_F(Settling, is_refused_by_a_build_that_does_not_know_of_it) {
  {
    const auto log = open();
    fill(*log, 3);
    ASSERT_TRUE(log->maintain());
  }
  embedded::Version version = embedded::read_version_file(machine().files, root).value();
  EXPECT_EQ(version.format, embedded::format_version);
  version.format += 1;
  ASSERT_TRUE(embedded::write_version_file(machine().files, root, version));
  const auto refused = machine().try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
}

}  // namespace
}  // namespace millrace::log
