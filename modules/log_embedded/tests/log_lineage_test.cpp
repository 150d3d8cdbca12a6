// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <string>

#include "failing_files.hpp"
#include "log_lineage.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/hash.hpp"

// What was seen of a log is known again as its past, or not: on a simulated machine.
namespace millrace::log {
namespace {

TEST_F(LogLineage, of_a_backup_that_was_put_back_is_another_one_for_ever) {
  auto log = machine_.open();
  append(*log, 5);
  const Seen before = see(*log);
  log.reset();
  const auto backup = files_below(SimulatedMachine::directory);
  log = machine_.open();
  const Seen same = see(*log);
  EXPECT_TRUE(holds(*log, before));
  append(*log, 20);
  const Seen after = see(*log);
  EXPECT_TRUE(holds(*log, after));
  log.reset();
  put_back(backup);
  // Until it has been opened more often, and is longer, than the one that was seen.
  for (int opened = 0; opened < 4; ++opened) {
    log = machine_.open();
    ASSERT_NE(log, nullptr);
    EXPECT_TRUE(holds(*log, before));
    EXPECT_FALSE(holds(*log, same)) << "the backup does not know of that opening";
    EXPECT_FALSE(holds(*log, after));
    append(*log, 10);
    EXPECT_FALSE(holds(*log, after));
    log.reset();
  }
  log = machine_.open();
  ASSERT_FALSE(after.position.is_beyond(log->committed())) << "it has outgrown it";
  EXPECT_FALSE(holds(*log, after));
}

TEST_F(LogLineage, keeps_what_was_durable_and_not_what_the_power_took) {
  auto log = machine_.open();
  append(*log, 5);
  const Seen durable = see(*log);
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "lost"));
  const Seen lost = see(*log);
  EXPECT_TRUE(holds(*log, lost));
  machine_.files.lose_power();
  machine_.regions.lose_power();
  log.reset();
  log = machine_.open();
  append(*log, 10);
  ASSERT_FALSE(lost.position.is_beyond(log->committed()));
  EXPECT_TRUE(holds(*log, durable));
  EXPECT_FALSE(holds(*log, lost));
}

TEST_F(LogLineage, of_a_history_that_a_copy_without_the_file_replaced_is_not_continued) {
  auto log = machine_.open();
  append(*log, 5);
  log.reset();
  auto backup = files_below(SimulatedMachine::directory);
  backup.erase(lineages_path);
  log = machine_.open();
  append(*log, 20);
  const Seen after = see(*log);
  log.reset();
  const std::string kept = read_file(machine_.files, lineages_path).value();
  // By a script that knows the files of older builds; their build opens the log, and writes on.
  put_back(backup);
  log = machine_.open();
  append(*log, 40);
  log.reset();
  write(lineages_path, kept);
  log = machine_.open();
  ASSERT_FALSE(after.position.is_beyond(log->committed()));
  EXPECT_FALSE(holds(*log, after));
}

TEST_F(LogLineage, of_a_checkpoint_that_was_put_back_alone_is_not_continued) {
  const std::string path = std::string(SimulatedMachine::directory) + "/checkpoint";
  auto log = machine_.open();
  append(*log, 5);
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "lost"));
  const Seen lost = see(*log);
  machine_.files.lose_power();
  machine_.regions.lose_power();
  log.reset();
  const std::string before_the_loss = read_file(machine_.files, path).value();
  log = machine_.open();
  append(*log, 10);
  log.reset();
  write(path, before_the_loss);
  log = machine_.open();
  ASSERT_FALSE(lost.position.is_beyond(log->committed()));
  EXPECT_FALSE(holds(*log, lost));
  EXPECT_TRUE(holds(*log, see(*log)));
}

TEST_F(LogLineage, of_another_copy_whose_journal_was_put_here_is_not_continued) {
  auto log = machine_.open();
  append(*log, 5);
  log.reset();
  const auto common = files_below(SimulatedMachine::directory);
  log = machine_.open();
  append(*log, 3);
  const Seen here = see(*log);
  log.reset();
  const auto ours = files_below(SimulatedMachine::directory);
  put_back(common);
  log = machine_.open();
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "not what the other copy holds"));
  append(*log, 20);
  log.reset();
  // Both copies were opened equally often.
  for (const std::string name : {"/checkpoint", "/lineages"}) {
    const std::string path = SimulatedMachine::directory + name;
    write(path, ours.at(path));
  }
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  ASSERT_FALSE(here.position.is_beyond(log->committed()));
  EXPECT_FALSE(holds(*log, here));
}

TEST_F(LogLineage, differs_at_each_opening_although_the_random_numbers_do_not) {
  auto log = machine_.open();
  append(*log);
  log.reset();
  const auto backup = files_below(SimulatedMachine::directory);
  machine_.random = SeededRandom(42);
  log = machine_.open();
  append(*log);
  const Seen lost = see(*log);
  log.reset();
  put_back(backup);
  machine_.clock.advance_ms(60'000);
  machine_.random = SeededRandom(42);
  log = machine_.open();
  append(*log, 5);
  EXPECT_NE(log->lineage(), lost.lineage);
  EXPECT_FALSE(holds(*log, lost));
}

TEST_F(LogLineage, takes_the_room_of_the_ballast_where_there_is_no_other) {
  FailingFiles files(machine_.files);
  files.count_only("lineages");
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  LogOptions tool = options_of();
  tool.access = LogAccess::prefer_write;
  int number = 0;
  for (bool failed = true; failed;) {
    auto log = machine_.open();
    append(*log);
    const Seen before = see(*log);
    log.reset();
    files.fail_call(++number, millrace::errc::disk_full);
    auto opened =
        open_embedded(SimulatedMachine::directory, environment, tool, machine_.embedded());
    ASSERT_TRUE(opened) << number << ": " << opened.error().to_string();
    failed = files.failed();
    EXPECT_EQ((*opened)->read_only_reason().has_value(), failed) << "it leaves it to services";
    EXPECT_TRUE(holds(**opened, before)) << number;
    opened->reset();
    files.fail_call(number, millrace::errc::disk_full);
    opened =
        open_embedded(SimulatedMachine::directory, environment, options_of(), machine_.embedded());
    ASSERT_TRUE(opened) << number << ": " << opened.error().to_string();
    EXPECT_EQ(files.failed(), failed);
    files.fail_call(-1, millrace::errc::disk_full);
    EXPECT_NE((*opened)->lineage(), Lineage{}) << number;
    EXPECT_TRUE(holds(**opened, before)) << number;
  }
  EXPECT_GT(number, 3);
}

TEST_F(LogLineage, of_a_log_that_was_repaired_ends_at_the_cut) {
  auto log = machine_.open();
  append(*log, 5);
  const Seen kept = see(*log);
  append(*log, 5);
  const Seen cut = see(*log);
  log.reset();
  const std::string journal =
      std::string(SimulatedMachine::directory) + "/journal/" + std::string(20, '0') + ".journal";
  ASSERT_TRUE(machine_.files.flip_bit(journal, kept.position.position + 100, 3));
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  for (int opened = 0; opened < 3; ++opened) {
    log = machine_.open();
    ASSERT_NE(log, nullptr);
    append(*log, 10);
    EXPECT_TRUE(holds(*log, kept));
    EXPECT_FALSE(holds(*log, cut));
    log.reset();
  }
}

TEST_F(LogLineage, that_cannot_be_read_makes_all_that_was_seen_foreign) {
  auto log = machine_.open();
  append(*log, 3);
  const Seen seen = see(*log);
  log.reset();
  ASSERT_TRUE(machine_.files.remove(lineages_path));
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_FALSE(holds(*log, seen));
  append(*log);
  EXPECT_TRUE(holds(*log, see(*log)));
}

TEST_F(LogLineage, of_a_newer_build_keeps_the_log_closed) {
  auto log = machine_.open();
  append(*log);
  log.reset();
  std::string newer = read_file(machine_.files, lineages_path).value();
  newer.resize(newer.size() - 4);
  newer[4] = 2;
  const std::uint32_t sum = crc32c(newer);
  ByteWriter(newer).little(sum);
  write(lineages_path, newer);
  const auto refused = machine_.try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(),
              testing::HasSubstr(lineages_path + ": the file of lineages has version 2"));
  EXPECT_EQ(read_file(machine_.files, lineages_path).value(), newer);
}

TEST_F(LogLineage, of_an_opening_that_died_is_not_missed) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* const point : {"recovery.after_cut", "recovery.before_checkpoint",
                                  "recovery.after_checkpoint", "recovery.before_share"}) {
    auto log = machine_.open();
    append(*log, 3);
    const Seen seen = see(*log);
    log.reset();
    plan(point, 1);
    EXPECT_THROW(static_cast<void>(machine_.try_open()), SimulatedDeath) << point;
    log = machine_.open();
    ASSERT_NE(log, nullptr) << point;
    EXPECT_TRUE(holds(*log, seen)) << point;
    append(*log);
    EXPECT_TRUE(holds(*log, see(*log))) << point;
  }
}

}  // namespace
}  // namespace millrace::log
