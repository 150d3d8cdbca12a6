// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "hooked_files.hpp"
#include "settling_world.hpp"
#include "version.hpp"

// What a log that settles shows to its readers. On a simulated machine.
namespace millrace::log {
namespace {

TEST_F(Settling, moves_batches_into_files_and_readers_do_not_notice) {
  auto log = open();
  fill(*log, 8);
  ASSERT_TRUE(maintain_all(*log));
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
    ASSERT_TRUE(maintain_all(*log));
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
    ASSERT_TRUE(maintain_all(*log));
    ASSERT_GT(names("/settled/t-0", ".log").size(), 3U);
    expect_whole(*member);
    expect_whole(*reader);
  }
  expect_whole(*slow_member);
  expect_whole(*slow_reader);
  const auto topic = topic_at(*log, "later");
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
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
  expected_b_.push_back({"first", first->partitions[0].first, first->position.position});
  expected_a_.push_back({"second", first->partitions[1].first, first->position.position});
  for (int round = 0; round < 6; ++round) {
    const auto again = log->commit(once);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->position, first->position);
    ASSERT_EQ(again->partitions.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(again->partitions[i].partition, first->partitions[i].partition);
      EXPECT_EQ(again->partitions[i].first, first->partitions[i].first);
    }
    Transaction old;
    old.append(t, {0, "k", "v", {}});
    old.set_sequence("feed", 0);
    EXPECT_FALSE(log->commit(old));
    a_ = t;
    fill(*log, 60);
    ASSERT_TRUE(maintain_all(*log));
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
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_FALSE(machine().files.exists(root + "/settled"));
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 1U)
      << "older builds open a log that never settled";
  fill(*log, 60, 1'000);
  machine().clock.advance_ms(1'000);
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_FALSE(names("/settled/t-0", ".log").empty()) << "64 KiB";
  EXPECT_TRUE(names("/settled/t-1", ".log").empty());
  machine().clock.advance_ms(600'000);
  ASSERT_TRUE(maintain_all(*log));
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
    ASSERT_TRUE(maintain_all(*log));
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

// A round ends after 100 ms. Here the syncs of one partition take longer.
TEST_F(Settling, continues_at_once_while_commits_would_soon_be_slowed) {
  HookedFiles files(machine().files);
  LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 800'000;
  const auto log = open_embedded(root, environment, options_of(), options);
  ASSERT_TRUE(log) << log.error().to_string();
  const auto topic = (*log)->create_topic({"u", 8, TopicKind::events, "stock"}).value();
  const auto write = [&](std::size_t bytes) {
    for (int p = 0; p < 8; ++p) {
      ASSERT_TRUE(put_all(**log, {{topic.id, partition(p)}}, std::string(bytes, 'v')));
    }
  };
  std::function<void()> slow = [&] {
    machine().clock.advance_ms(26);
    files.before_sync(slow);
  };
  const auto settled_partitions = [&] {
    int settled = 0;
    for (int p = 0; p < 8; ++p) {
      settled += names("/settled/u-" + std::to_string(p), ".log").empty() ? 0 : 1;
    }
    return settled;
  };
  write(5'000);
  files.before_sync(slow);
  for (int calls = 1; calls <= 8; ++calls) {
    ASSERT_TRUE((*log)->maintain_storage());
    EXPECT_EQ(settled_partitions(), calls) << "nobody waits for the rest";
  }
  write(70'000);
  ASSERT_GT(count_of(**log, "unsettled_bytes"), 500'000U);
  ASSERT_TRUE((*log)->maintain_storage());
  EXPECT_LE(count_of(**log, "unsettled_bytes"), 400'000U);
  files.before_sync(nullptr);
}

TEST_F(Settling, slows_commits_while_too_much_waits) {
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 100'000;
  const auto log = machine().open(options_of(), options);
  ASSERT_TRUE(log->maintain_storage());
  fill(*log, 10);
  EXPECT_EQ(count_of(*log, "slowed_commits"), 0U);
  EXPECT_LE(count_of(*log, "unsettled_bytes"), 100'000U);
  const std::int64_t before = machine().clock.monotonic_ns();
  fill(*log, 60);
  EXPECT_GT(count_of(*log, "slowed_commits"), 10U);
  EXPECT_GT(count_of(*log, "unsettled_bytes"), 100'000U);
  EXPECT_GT(machine().clock.monotonic_ns(), before);
  ASSERT_TRUE(maintain_all(*log));
  const std::uint64_t slowed = count_of(*log, "slowed_commits");
  fill(*log, 10);
  EXPECT_EQ(count_of(*log, "slowed_commits"), slowed);
}

// cut.

// A program that only writes has no thread for it.
TEST_F(Settling, happens_in_commits_when_nobody_maintains_the_storage) {
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 100'000;
  const auto log = machine().open(options_of(), options);
  for (int i = 0; i < 70; ++i) {
    fill(*log, 1);
    machine().clock.advance_ms(options.settle.interval_ms);
    ASSERT_LE(count_of(*log, "unsettled_bytes"), 60'000U);
  }
  EXPECT_GT(log->committed().position, 200'000U);
  EXPECT_EQ(count_of(*log, "slowed_commits"), 0U);
}

TEST_F(Settling, shows_on_all_handles_how_much_of_the_journal_is_not_settled) {
  auto log = open("one");
  const auto other = machine().open(options_of("orders", "two"), machine().embedded());
  fill(*log, 20);
  for (const Log* const one : {log.get(), other.get()}) {
    EXPECT_EQ(count_of(*one, "unsettled_bytes"), log->committed().position);
    EXPECT_GE(count_of(*one, "index_bytes"), 40U * 20U);
    EXPECT_LT(count_of(*one, "index_bytes"), 1U << 20U);
  }
  ASSERT_TRUE(maintain_all(*log));
  for (const Log* const one : {log.get(), other.get()}) {
    EXPECT_EQ(count_of(*one, "unsettled_bytes"), 0U);
  }
  const std::uint64_t before = log->committed().position;
  fill(*log, 5);
  EXPECT_EQ(count_of(*other, "unsettled_bytes"), log->committed().position - before);
  // A process that opens the log does not look for what is settled: that is for the next round.
  abandon(*log);
  log.reset();
  log = open("next");
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_EQ(count_of(*log, "unsettled_bytes"), 0U);
}

TEST_F(Settling, removes_segments_that_hold_positions_and_topics_alone) {
  auto log = open();
  a_ = topic_at(*log, "t", 2);
  const GroupId group = log->group("g").value();
  Transaction once;
  once.set_position(group, a_, offset(0));
  once.set_sequence("feed", 1);
  const auto first = log->commit(once);
  ASSERT_TRUE(first);
  while (log->committed().position < 3U * (64U << 10U)) {
    Transaction moves;
    moves.set_position(group, a_, offset(0));
    ASSERT_TRUE(log->commit(moves));
  }
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_LE(names("/journal", ".journal").size(), 2U);
  for (int life = 0; life < 3; ++life) {
    const auto again = log->commit(once);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_TRUE(again->repeated);
    EXPECT_EQ(again->position, first->position);
    EXPECT_EQ(log->position(group, a_).value(), offset(0));
    EXPECT_EQ(log->find_topic("t")->id, a_.topic);
    expect_good_directory();
    log.reset();
    log = open();
    ASSERT_NE(log, nullptr);
  }
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  expect_whole(*log);
}

// Another one rolls, settles and removes between the listing of the segments and what follows.
TEST_F(Settling, housekeeping_does_without_the_last_segment_that_it_listed) {
  for (int number = 0; number < 2; ++number) {
    SCOPED_TRACE(number);
    start_over();
    auto log = open("one");
    fill(*log, 5);
    HookedFiles hooked(machine().files);
    LogEnvironment environment{machine().clock, hooked, machine().random, machine().processes};
    auto other = open_embedded(root, environment, options_of("stock", "two"), settling()).value();
    fill(*log, 40);
    hooked.before_call(number, [&] {
      for (int round = 0; round < 2; ++round) {
        fill(*log, 40);
        ASSERT_TRUE(maintain_all(*log));
      }
    });
    const Status kept = other->maintain();
    EXPECT_TRUE(hooked.was_called());
    ASSERT_TRUE(kept) << kept.error().to_string();
    hooked.before_call(0, nullptr);
    expect_whole(*other);
  }
}

}  // namespace
}  // namespace millrace::log
