// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_embedded/file_names.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "settling_world.hpp"

// Which files are the log's own. That no file of the format is missing shows in each test on a
// simulated machine: ~SimulatedMachine().
namespace millrace::log {
namespace {

TEST(FileNames, of_a_real_log_are_all_known) {
  const TemporaryDirectory directory;
  ManualClock clock;
  SeededRandom random{1};
  SimulatedProcesses processes;
  LogEnvironment environment{clock, real_file_system(), random, processes};
  EmbeddedOptions options = small_segments();
  options.settle = settle_at_once();
  const auto log = open_embedded(directory.path(), environment, options_of(), options);
  ASSERT_TRUE(log) << log.error().to_string();
  const TopicPartition at = topic_at(**log, "t");
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(put_all(**log, {at}, std::string(3'000, 'x')));
  }
  ASSERT_TRUE(maintain_all(**log));
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    found.push_back(std::filesystem::relative(entry.path(), directory.path()).string());
    EXPECT_TRUE(entry.is_directory() ? is_log_directory(found.back()) : is_log_file(found.back()))
        << found.back();
  }
  for (const char* const name :
       {"LOCK", "ballast", "checkpoint", "checkpoint.copy", "control", "index/0.blocks", "lineages",
        "members/0", "settled/t-0/00000000000000000000.log", "version"}) {
    EXPECT_THAT(found, testing::Contains(name));
  }
}

TEST(FileNames, of_others_are_not_the_logs) {
  for (const char* const name : {"",
                                 "notes.txt",
                                 "versions",
                                 "LOCK.tmp",
                                 "ballast.tmp",
                                 "lineages.old",
                                 "ballast.x.tmp",
                                 "ballast.03.tmp",
                                 "ballasts",
                                 "journal/0.journal",
                                 "journal/00000000000000000000.journal.gz",
                                 "journal/0.batches",
                                 "journal/next.md",
                                 "members/list.txt",
                                 "members/",
                                 "index/old.blocks",
                                 "index/.blocks",
                                 "settled/notes.log",
                                 "settled/00000000000000000000.log",
                                 "settled/t-0/notes.log",
                                 "settled/t/00000000000000000000.log",
                                 "settled/t-0/00000000000000000000.log.gz",
                                 "settled/t-0/x/00000000000000000000.log",
                                 "backup/version",
                                 "/version"}) {
    EXPECT_FALSE(is_log_file(name)) << name;
  }
  for (const char* const name : {"", "backup", "settled/", "settled/t", "settled/-0", "settled/t-",
                                 "settled/t-0/x", "settled/t-0/x-1", "/journal"}) {
    EXPECT_FALSE(is_log_directory(name)) << name;
  }
}

}  // namespace
}  // namespace millrace::log
