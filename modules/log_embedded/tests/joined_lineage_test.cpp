// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <string>

#include "checkpoint.hpp"
#include "log_lineage.hpp"

// The lineage as those know it who find the log open, on a simulated machine.
namespace millrace::log {
namespace {

using JoinedLineage = LogLineage;

TEST_F(JoinedLineage, is_the_same_for_all_members_and_for_those_that_only_read) {
  const auto log = machine_.open(options_of("stock", "one"));
  append(*log);
  const auto second = machine_.open(options_of("stock", "two"));
  LogOptions reading = options_of("", "reader");
  reading.access = LogAccess::read_only;
  const auto reader = machine_.open(reading);
  EXPECT_NE(log->lineage(), Lineage{});
  EXPECT_EQ(second->lineage(), log->lineage());
  EXPECT_EQ(reader->lineage(), log->lineage());
  const Seen seen = see(*log);
  EXPECT_TRUE(holds(*second, seen));
  EXPECT_TRUE(holds(*reader, seen));
  EXPECT_FALSE(holds(*reader, {seen.lineage, {seen.position.era, seen.position.position + 1}}));
}

TEST_F(JoinedLineage, is_none_while_an_older_build_has_the_log_open) {
  auto log = machine_.open();
  append(*log, 5);
  const Seen durable = see(*log);
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "lost"));
  const Seen lost = see(*log);
  machine_.files.lose_power();
  machine_.regions.lose_power();
  log.reset();
  auto older = machine_.open(options_of("stock", "older"));
  // As a checkpoint of a build is that knows no lineages.
  auto checkpoint = embedded::read_checkpoint(machine_.files, SimulatedMachine::directory).value();
  checkpoint->lineage = {};
  write(std::string(SimulatedMachine::directory) + "/checkpoint", checkpoint->encode());
  append(*older, 10);
  LogOptions reading = options_of("", "reader");
  reading.access = LogAccess::read_only;
  auto reader = machine_.open(reading);
  EXPECT_EQ(reader->lineage(), Lineage{});
  EXPECT_FALSE(holds(*reader, lost));
  EXPECT_FALSE(holds(*reader, durable)) << "nobody knows";
  EXPECT_TRUE(holds(*reader, see(*reader))) << "as older builds count it";
  reader.reset();
  abandon(*older);
  older.reset();
  log = machine_.open();
  EXPECT_NE(log->lineage(), Lineage{});
  EXPECT_FALSE(holds(*log, lost));
  EXPECT_FALSE(holds(*log, durable));
  const Seen seen = see(*log);
  log.reset();
  log = machine_.open();
  EXPECT_TRUE(holds(*log, seen));
}

TEST_F(JoinedLineage, is_known_to_those_who_read_since_before_it_began) {
  auto log = machine_.open();
  append(*log);
  log.reset();
  LogOptions reading = options_of("", "reader");
  reading.access = LogAccess::read_only;
  const auto reader = machine_.open(reading);
  log = machine_.open();
  EXPECT_EQ(reader->lineage(), log->lineage());
  EXPECT_TRUE(holds(*reader, see(*log)));
}

TEST_F(JoinedLineage, is_known_to_a_member_that_finds_the_checkpoint_damaged_and_writes_the_next) {
  auto log = machine_.open(options_of("stock", "one"));
  append(*log);
  const Seen seen = see(*log);
  ASSERT_TRUE(
      machine_.files.flip_bit(std::string(SimulatedMachine::directory) + "/checkpoint", 20, 1));
  auto joined = machine_.open(options_of("stock", "two"));
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->lineage(), log->lineage());
  EXPECT_TRUE(holds(*joined, seen));
  const TopicPartition at = topic_at(*joined, "t");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put_all(*joined, {at}, std::string(40'000, 'v')));
  }
  machine_.clock.advance_ms(6'000);
  ASSERT_TRUE(joined->maintain());
  EXPECT_TRUE(embedded::read_checkpoint(machine_.files, SimulatedMachine::directory))
      << "a checkpoint was due";
  abandon(*joined);
  abandon(*log);
  joined.reset();
  log.reset();
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_TRUE(holds(*log, seen));
}

TEST_F(JoinedLineage, is_known_to_a_member_that_cannot_read_those_of_before) {
  auto log = machine_.open(options_of("stock", "one"));
  append(*log);
  const Seen before = see(*log);
  log.reset();
  log = machine_.open(options_of("stock", "one"));
  append(*log);
  ASSERT_TRUE(machine_.files.flip_bit(lineages_path, 20, 1));
  const auto joined = machine_.open(options_of("stock", "two"));
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->lineage(), log->lineage());
  EXPECT_TRUE(holds(*joined, see(*log)));
  EXPECT_FALSE(holds(*joined, before));
  EXPECT_TRUE(holds(*log, before));
}

}  // namespace
}  // namespace millrace::log
