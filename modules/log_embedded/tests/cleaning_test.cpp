// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "cleaning_world.hpp"
#include "version.hpp"

// What a log removes and compacts, and what readers find afterwards. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

TEST_F(Cleaning, a_clock_that_jumps_ahead_removes_nothing_for_a_day) {
  constexpr std::int64_t day_ms = 24LL * 3'600 * 1'000;
  auto log = open("one");
  write(*log, 40);
  clean(*log);
  for (const std::int64_t year_ms : {365 * day_ms, -365 * day_ms, 365 * day_ms}) {
    machine().clock.jump_wall_ms(year_ms);
    machine().clock.advance_ms(1'000);
    clean(*log);
    EXPECT_EQ(log->start_offset(commands_at_).value(), offset(0));
  }
  EXPECT_EQ(count_of(*log, "clock_jumps"), 2U);
  machine().clock.advance_ms(day_ms);
  clean(*log);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(0));
}

TEST_F(Cleaning, commands_are_removed_after_a_week_and_all_handles_learn_where_the_rest_begins) {
  auto log = open("one");
  write(*log, 40);
  const auto member = open("two");
  const auto reader = open_to_read();
  const auto slow_reader = open_to_read();
  EXPECT_EQ(problem(*member), "");
  EXPECT_EQ(problem(*reader), "");
  clean(*log);
  EXPECT_EQ(log->start_offset(commands_at_).value(), offset(0)) << "not yet";
  pass_a_week();
  write(*log, 20);
  clean(*log);
  const Offset start = log->start_offset(commands_at_).value();
  EXPECT_GT(start, offset(20));
  EXPECT_EQ(std::stoll(names("/settled/stock.commands-0", ".log").front()), start.value);
  EXPECT_GT(count_of(*log, "removed_bytes"), 20U * 1'500U);
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  for (Log* const one : {log.get(), member.get(), reader.get(), slow_reader.get()}) {
    FetchBuffer buffer;
    const Status fetched = one->fetch(commands_at_, offset(3), 1, buffer);
    ASSERT_FALSE(fetched);
    EXPECT_TRUE(fetched.error().is(errc::out_of_range)) << fetched.error().to_string();
    EXPECT_THAT(fetched.error().message(),
                HasSubstr("the first kept is " + std::to_string(start.value)));
    EXPECT_EQ(one->start_offset(commands_at_).value(), start);
    EXPECT_EQ(problem(*one), "");
  }
  expect_good_directory();
  for (const bool killed : {true, false}) {
    if (killed) {
      abandon(*member);
      abandon(*log);
    }
    log.reset();
    log = open("next");
    ASSERT_NE(log, nullptr);
    EXPECT_EQ(log->start_offset(commands_at_).value(), start) << killed;
    EXPECT_EQ(problem(*log), "");
    EXPECT_EQ(problem(*open_to_read()), "");
  }
}

TEST_F(Cleaning, commands_that_a_group_is_still_to_read_stay) {
  auto log = open();
  write(*log, 40);
  const GroupId group = log->group("stock").value();
  const auto move_to = [&](std::int64_t next) {
    Transaction transaction;
    transaction.set_position(group, commands_at_, offset(next));
    ASSERT_TRUE(log->commit(transaction));
  };
  move_to(0);
  pass_a_week();
  write(*log, 20);
  clean(*log);
  EXPECT_EQ(log->start_offset(commands_at_).value(), offset(0));
  move_to(25);
  write(*log, 1);
  clean(*log);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(10));
  EXPECT_LE(log->start_offset(commands_at_).value(), offset(25));
  EXPECT_EQ(problem(*log), "");
}

TEST_F(Cleaning, a_position_that_was_committed_after_the_last_checkpoint_keeps_commands) {
  auto log = open();
  write(*log, 40);
  ASSERT_TRUE(maintain_all(*log));
  pass_a_week();
  const GroupId group = log->group("stock").value();
  Transaction transaction;
  transaction.set_position(group, commands_at_, offset(12));
  ASSERT_TRUE(log->commit(transaction));
  clean(*log);
  EXPECT_GT(log->start_offset(commands_at_).value(), offset(0));
  EXPECT_LE(log->start_offset(commands_at_).value(), offset(12));
  EXPECT_EQ(problem(*log), "");
}

TEST_F(Cleaning, commands_are_shown_with_their_limit_and_kept_for_ever_when_it_is_taken_away) {
  auto log = open();
  write(*log, 1);
  const TopicSettings limited = log->topic_settings(commands_at_.topic).value();
  EXPECT_EQ(limited.retention_ms, week_ms);
  EXPECT_TRUE(limited.deletes);
  // Another setting leaves the limit as it is.
  const SettingChange other[] = {{"delete.retention.ms", "5"}};
  ASSERT_TRUE(log->alter_topic(commands_at_.topic, other));
  EXPECT_EQ(log->topic_settings(commands_at_.topic).value().retention_ms, week_ms);
  const SettingChange keep[] = {{"cleanup.policy", "keep"}, {"retention.ms", {}}};
  ASSERT_TRUE(log->alter_topic(commands_at_.topic, keep));
  for (int week = 0; week < 3; ++week) {
    write(*log, 40);
    pass_a_week();
    clean(*log);
  }
  EXPECT_EQ(log->start_offset(commands_at_).value(), offset(0));
  log.reset();
  log = open("next");
  EXPECT_FALSE(log->topic_settings(commands_at_.topic).value().deletes);
  EXPECT_EQ(problem(*log), "");
}

TEST_F(Cleaning, a_few_commands_a_day_are_removed_too) {
  auto log = open();
  for (int day = 0; day < 30; ++day) {
    write(*log, 3, 10);
    clean(*log);
    machine().clock.advance_ms(week_ms / 7);
  }
  EXPECT_GE(log->start_offset(commands_at_).value(), offset(3 * 20));
  EXPECT_EQ(problem(*log), "");
}

TEST_F(Cleaning, a_table_is_not_compacted_behind_a_group_that_reads_it) {
  auto log = open();
  const auto topic = log->create_topic({"prices", 1, TopicKind::events, "stock"}, compacted());
  const TopicPartition prices{topic->id, partition(0)};
  const GroupId group = log->group("shop").value();
  const auto put = [&](std::optional<std::int64_t> position) {
    Transaction transaction;
    transaction.append(prices, {0, "k", std::string(2'000, 'x'), {}});
    if (position) {
      transaction.set_position(group, prices, offset(*position));
    }
    ASSERT_TRUE(log->wait_durable(log->commit(transaction)->position));
  };
  for (int i = 0; i < 60; ++i) {
    put(i == 0 ? std::optional<std::int64_t>(15) : std::nullopt);
  }
  clean(*log);
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(prices, offset(15), 1, buffer));
  EXPECT_EQ(buffer.records[0].offset, offset(15));
  put(60);
  clean(*log);
  ASSERT_TRUE(log->fetch(prices, offset(15), 1, buffer));
  EXPECT_GT(buffer.records[0].offset, offset(30));
}

TEST_F(Cleaning, from_where_tombstones_are_complete_is_known_to_all_handles) {
  auto log = open();
  for (int round = 0; round < 4; ++round) {
    write(*log, 40);
    clean(*log);
    pass_a_week();
  }
  clean(*log);
  const Offset from = log->tombstones_complete_from(table_at_).value();
  EXPECT_GT(from, offset(0));
  EXPECT_LE(from, offset(count_));
  EXPECT_EQ(open_to_read()->tombstones_complete_from(table_at_).value(), from);
  EXPECT_EQ(problem(*log), "");
  log.reset();
  log = open();
  EXPECT_EQ(log->tombstones_complete_from(table_at_).value(), from);
  EXPECT_EQ(log->tombstones_complete_from(commands_at_).value(), offset(0));
  EXPECT_FALSE(log->tombstones_complete_from({table_at_.topic, partition(5)}));
}

TEST_F(Cleaning, one_member_compacts_at_a_time_and_another_takes_over) {
  for (const bool dies : {true, false}) {
    begin_again();
    auto one = open_with_small_steps("one");
    const auto two = open("two");
    write(*one, 40);
    pass_a_week();
    ASSERT_TRUE(maintain_all(*one));
    for (int call = 0; call < 10; ++call) {
      ASSERT_TRUE(maintain_all(*two));
    }
    EXPECT_EQ(count_of(*two, "compacted_records"), 0U) << "the first one has not completed it";
    if (dies) {
      abandon(*one);
    } else {
      machine().clock.advance_ms(61'000);
    }
    for (int round = 0; round < 3; ++round) {
      clean(*two);
      EXPECT_GT(count_of(*two, "compacted_records"), 10U);
      ASSERT_EQ(problem(*two), "");
      if (!dies) {
        clean(*one);
        ASSERT_EQ(problem(*one), "");
      }
      write(*two, 40);
      pass_a_week();
    }
    // The tombstones that are left now get a time, and go after it.
    clean(*two);
    pass_a_week();
    clean(*two);
    EXPECT_GT(two->tombstones_complete_from(table_at_).value(), offset(0));
    EXPECT_EQ(count_of(*two, "cleaning_errors"), 0U);
  }
}

TEST_F(Cleaning, a_compacted_topic_stays_small) {
  auto log = open();
  const auto reader = open_to_read();
  for (int round = 0; round < 20; ++round) {
    write(*log, 30);
    clean(*log);
  }
  // The last values and as much again, and the segment that is written.
  EXPECT_LE(log_bytes("/settled/stock.table.changelog-0"), 2U * keys * 2'200U + 20'000U);
  EXPECT_GT(count_of(*log, "compacted_records"), 400U);
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  EXPECT_EQ(problem(*log), "");
  EXPECT_EQ(problem(*reader), "");
  expect_good_directory();
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 3U);
  abandon(*log);
  log.reset();
  log = open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(problem(*log), "");
}

TEST_F(Cleaning, raises_the_version_of_the_directory_when_something_goes_for_the_first_time) {
  const auto log = open();
  write(*log, 5);
  clean(*log);
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 2U);
  pass_a_week();
  write(*log, 20);
  clean(*log);
  EXPECT_EQ(embedded::read_version_file(machine().files, root)->format, 3U);
}

TEST_F(Cleaning, a_first_segment_that_is_lost_is_damage_and_not_retention) {
  auto log = open();
  write(*log, 40);
  ASSERT_TRUE(maintain_all(*log));
  const std::string lost = names("/settled/stock.commands-0", ".log").front().substr(0, 20);
  for (const char* const ending : {".log", ".index", ".timeindex", ".commits"}) {
    ASSERT_TRUE(machine().files.remove(root + "/settled/stock.commands-0/" + lost + ending));
  }
  const auto reader = open_to_read();
  for (int life = 0; life < 2; ++life) {
    for (Log* const one : {log.get(), reader.get()}) {
      FetchBuffer buffer;
      const Status fetched = one->fetch(commands_at_, offset(0), 1, buffer);
      ASSERT_FALSE(fetched);
      EXPECT_TRUE(fetched.error().is(errc::corrupt)) << fetched.error().to_string();
      EXPECT_THAT(fetched.error().message(), HasSubstr("settled/stock.commands-0"));
      const auto time = one->find_time(commands_at_, 0);
      ASSERT_FALSE(time);
      EXPECT_TRUE(time.error().is(errc::corrupt)) << time.error().to_string();
    }
    EXPECT_THAT(verify_log(root, machine().environment)->settled_corrupt,
                HasSubstr("settled/stock.commands-0"));
    log.reset();
    log = open();
    ASSERT_NE(log, nullptr);
  }
}

}  // namespace
}  // namespace millrace::log
