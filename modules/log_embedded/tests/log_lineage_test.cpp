// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <map>
#include <string>

#include "checkpoint.hpp"
#include "embedded_faults.hpp"
#include "failing_files.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

// What was seen of a log is known again as its past, or not: on a simulated machine.
namespace millrace::log {
namespace {

class LogLineage : public EmbeddedFaults {
 protected:
  struct Seen {
    Lineage lineage;
    LogPosition position;
  };
  const std::string lineages_path = std::string(SimulatedMachine::directory) + "/lineages";

  static Seen see(Log& log) { return {log.lineage(), log.committed()}; }
  static bool holds(Log& log, const Seen& seen) {
    const Status past = log.check_past(seen.lineage, seen.position);
    EXPECT_TRUE(past || past.error().is(errc::out_of_range) ||
                past.error().is(errc::unknown_lineage))
        << past.error().to_string();
    return past.has_value();
  }
  void append(Log& log, int times = 1) {
    const TopicPartition at = topic_at(log, "t");
    for (int i = 0; i < times; ++i) {
      const auto committed = put_all(log, {at}, "v");
      ASSERT_TRUE(committed) << committed.error().to_string();
      ASSERT_TRUE(log.wait_durable(committed->position));
    }
  }
  // All files of the log, by path.
  std::map<std::string, std::string> files_below(const std::string& path) {
    std::map<std::string, std::string> found;
    const auto names = machine_.files.list(path);
    if (!names) {
      found[path] = read_file(machine_.files, path).value();
      return found;
    }
    for (const std::string& name : *names) {
      found.merge(files_below(path + "/" + name));
    }
    return found;
  }
  void put_back(const std::map<std::string, std::string>& backup) {
    for (const auto& [path, bytes] : files_below(SimulatedMachine::directory)) {
      ASSERT_TRUE(machine_.files.remove(path));
    }
    for (const auto& [path, bytes] : backup) {
      write(path, bytes);
    }
  }
  void write(const std::string& path, const std::string& bytes) {
    const auto file = machine_.files.open(path, OpenMode::create);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->truncate(0));
    ASSERT_TRUE((*file)->write_at(0, bytes));
    ASSERT_TRUE((*file)->sync());
  }
};

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

TEST_F(LogLineage, is_the_same_for_all_members_and_for_those_that_only_read) {
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

TEST_F(LogLineage, is_none_while_an_older_build_has_the_log_open) {
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
  auto joined = machine_.open(options_of("stock", "joined"));
  EXPECT_EQ(joined->lineage(), Lineage{});
  EXPECT_FALSE(holds(*joined, lost));
  EXPECT_FALSE(holds(*joined, durable)) << "nobody knows";
  EXPECT_TRUE(holds(*joined, see(*joined))) << "as older builds count it";
  older.reset();
  joined.reset();
  log = machine_.open();
  EXPECT_NE(log->lineage(), Lineage{});
  EXPECT_FALSE(holds(*log, lost));
  EXPECT_FALSE(holds(*log, durable));
  const Seen seen = see(*log);
  log.reset();
  log = machine_.open();
  EXPECT_TRUE(holds(*log, seen));
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

TEST_F(LogLineage, is_known_to_those_who_read_since_before_it_began) {
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

TEST_F(LogLineage, is_none_for_those_who_find_the_checkpoint_damaged) {
  const auto log = machine_.open(options_of("stock", "one"));
  append(*log);
  // A log that has settled cannot be opened then; it can be joined.
  const std::string directory = SimulatedMachine::directory;
  ASSERT_TRUE(machine_.files.create_directories(directory + "/settled"));
  ASSERT_TRUE(machine_.files.flip_bit(directory + "/checkpoint", 20, 1));
  const auto joined = machine_.open(options_of("stock", "two"));
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->lineage(), Lineage{});
  EXPECT_FALSE(holds(*joined, see(*log)));
  EXPECT_TRUE(holds(*joined, see(*joined)));
  EXPECT_TRUE(holds(*log, see(*log)));
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
