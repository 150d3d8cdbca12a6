// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "embedded_world.hpp"

// What an embedded log leaves alone: files that it did not write.
namespace millrace::log {
namespace {

using testing::HasSubstr;

constexpr const char* first_segment = "/log/journal/00000000000000000000.journal";

/// Of a file system on which processes cannot share memory safely.
class UnsafeRegions final : public SharedRegionFactory {
 public:
  explicit UnsafeRegions(SharedRegionFactory& regions) : regions_(regions) {}
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool force) override {
    if (!force) {
      return fail(millrace::errc::invalid_argument, directory + ": on a network file system");
    }
    return regions_.open(directory, force);
  }
  std::unique_ptr<SharedRegion> open_private() override { return regions_.open_private(); }

 private:
  SharedRegionFactory& regions_;
};

class EmbeddedGuards : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& content) {
    auto file = machine_.files.open(path, OpenMode::create);
    ASSERT_TRUE(file) << file.error().to_string();
    ASSERT_TRUE((*file)->write_at(0, content));
    ASSERT_TRUE((*file)->sync());
  }
  [[nodiscard]] std::string read(const std::string& path) {
    const auto content = read_file(machine_.files, path);
    return content ? *content : content.error().message();
  }
  void fill() {
    const auto log = machine_.open();
    const TopicPartition orders = topic_at(*log, "orders");
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(put_all(*log, {orders}, std::string(3000, 'x')));
    }
  }
  template <class Outcome>
  static void expect_refused(const Outcome& outcome, ErrorCode code, const std::string& what) {
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(code)) << outcome.error().to_string();
    EXPECT_THAT(outcome.error().message(), HasSubstr(what));
  }

  SimulatedMachine machine_;
};

TEST_F(EmbeddedGuards, a_file_system_that_is_refused_is_opened_when_it_is_forced) {
  UnsafeRegions regions(machine_.regions);
  EmbeddedOptions embedded = small_segments();
  embedded.regions = &regions;
  const auto open = [&] {
    return open_embedded(SimulatedMachine::directory, machine_.environment, options_of(), embedded);
  };
  expect_refused(open(), millrace::errc::invalid_argument, "on a network file system");
  embedded.force = true;
  EXPECT_TRUE(open());
}

TEST_F(EmbeddedGuards, a_new_log_is_not_made_among_other_files) {
  ASSERT_TRUE(machine_.files.create_directories("/log"));
  write("/log/control", "a package's control file");
  expect_refused(machine_.try_open(), errc::invalid_argument, "'control'");
  EXPECT_EQ(machine_.files.list("/log").value(), std::vector<std::string>{"control"});
  EXPECT_EQ(read("/log/control"), "a package's control file");
  ASSERT_TRUE(machine_.files.remove("/log/control"));
  EXPECT_TRUE(machine_.try_open()) << "an empty directory is taken";
}

TEST_F(EmbeddedGuards, the_journal_of_another_log_is_not_cut) {
  fill();
  const std::string before = read(first_segment);
  write("/log/version", "millrace-log 1 00000000000000ab\n");
  expect_refused(machine_.try_open(), errc::corrupt, "another log");
  for (const bool dry_run : {true, false}) {
    expect_refused(
        repair_log(SimulatedMachine::directory, machine_.environment, dry_run, machine_.regions),
        errc::corrupt, "another log");
  }
  EXPECT_TRUE(read(first_segment) == before);
}

TEST_F(EmbeddedGuards, a_repair_removes_no_file_that_only_has_the_name_of_a_segment) {
  fill();
  const std::string stranger = "/log/journal/00000000000009999999.journal";
  write(stranger,
        "a recording of somebody else, which is longer than the header of a frame is, and "
        "which begins with neither a frame nor zeros");
  ASSERT_TRUE(machine_.files.flip_bit(first_segment, 30'000, 1));
  expect_refused(
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions),
      errc::corrupt, stranger);
  EXPECT_THAT(read(stranger), HasSubstr("somebody else"));
  ASSERT_TRUE(machine_.files.remove(stranger));
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  EXPECT_TRUE(repaired->changed);
}

TEST_F(EmbeddedGuards, opening_removes_only_segments_that_were_made_ahead) {
  fill();
  const std::string journal = "/log/journal/";
  const std::vector<std::string> kept{"next.plan.prepared", "nextdoor.unfinished",
                                      "next.prepared.txt", "next..prepared"};
  for (const std::string& name : kept) {
    write(journal + name, "mine");
  }
  for (const char* name : {"next.0.prepared", "next.12.unfinished", "next.unfinished"}) {
    write(journal + name, std::string(100, '\0'));
  }
  const auto log = machine_.open();
  EXPECT_EQ(machine_.foreign_files("journal").size(), kept.size());
  for (const std::string& name : kept) {
    EXPECT_EQ(read(journal + name), "mine");
    ASSERT_TRUE(machine_.files.remove(journal + name));
  }
  for (const char* name : {"next.0.prepared", "next.12.unfinished", "next.unfinished"}) {
    EXPECT_FALSE(machine_.files.exists(journal + name)) << name;
  }
}

TEST_F(EmbeddedGuards, an_empty_path_names_no_log) {
  write("/version", "millrace-log 1 00000000000000ab\n");
  register_embedded();
  expect_refused(open_log("file:", machine_.environment, options_of()), errc::invalid_argument,
                 "names no directory");
  expect_refused(open_embedded("", machine_.environment, options_of()), errc::invalid_argument,
                 "empty");
  expect_refused(verify_log("", machine_.environment), errc::invalid_argument, "empty");
  expect_refused(stat_log("", machine_.environment), errc::invalid_argument, "empty");
  expect_refused(repair_log("", machine_.environment, false, machine_.regions),
                 errc::invalid_argument, "empty");
}

TEST(EmbeddedGuardFiles, a_url_turns_settling_on_and_names_an_option_that_is_unknown) {
  const TemporaryDirectory directory;
  SkewedClock clock;
  SeededRandom random{1};
  LogEnvironment environment{clock, real_file_system(), random, real_processes()};
  register_embedded();
  const auto settled_bytes = [&](const std::string& options) {
    const auto log = open_log("file:" + directory.path() + options, environment, options_of());
    EXPECT_TRUE(log) << log.error().to_string();
    EXPECT_TRUE(put_all(**log, {topic_at(**log, "orders")}, std::string(100'000, 'x')));
    clock.advance_ms(5'000);
    EXPECT_TRUE(maintain_all(**log));
    const auto counts = (*log)->counts();
    const auto found = std::find_if(counts.begin(), counts.end(), [](const LogCount& one) {
      return one.name == "settled_bytes";
    });
    return found->value;
  };
  EXPECT_EQ(settled_bytes("?settle=off"), 0U);
  EXPECT_EQ(settled_bytes("/?settle=off"), 0U);
  EXPECT_GE(settled_bytes(""), 300'000U);
  EXPECT_GE(settled_bytes("?settle=on"), 100'000U);
  for (const char* const wrong : {"?settle", "?settle=yes", "?sync=on", "?settle=on&sync=on"}) {
    const auto refused = open_log("file:" + directory.path() + wrong, environment, options_of());
    ASSERT_FALSE(refused) << wrong;
    EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("is no option of file:DIR; there are settle"));
  }
  EXPECT_FALSE(open_log("file:?settle=on", environment, options_of()));
}

TEST(EmbeddedGuardFiles, a_url_turns_scrubbing_off) {
  const TemporaryDirectory directory;
  SkewedClock clock;
  SeededRandom random{1};
  LogEnvironment environment{clock, real_file_system(), random, real_processes()};
  register_embedded();
  const auto scrubbed_bytes = [&](const std::string& options) {
    const auto log = open_log("file:" + directory.path() + options, environment, options_of());
    EXPECT_TRUE(log) << log.error().to_string();
    EXPECT_TRUE(put_all(**log, {topic_at(**log, "orders")}, std::string(100'000, 'x')));
    clock.advance_ms(3'700'000);
    EXPECT_TRUE(maintain_all(**log));
    const auto counts = (*log)->counts();
    const auto found = std::find_if(counts.begin(), counts.end(), [](const LogCount& one) {
      return one.name == "scrubbed_bytes";
    });
    return found->value;
  };
  EXPECT_GE(scrubbed_bytes(""), 100'000U);
  EXPECT_EQ(scrubbed_bytes("?scrub=off"), 0U);
  EXPECT_GE(scrubbed_bytes("?scrub=on&settle=off"), 300'000U);
}

TEST(EmbeddedGuardFiles, only_blocks_of_the_index_are_replaced) {
  const TemporaryDirectory directory;
  SeededRandom random{1};
  LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  const auto visit = [&] {
    const auto log = open_embedded(directory.path(), environment, options_of(), small_segments());
    ASSERT_TRUE(log) << log.error().to_string();
    EXPECT_TRUE(put_all(**log, {topic_at(**log, "orders")}, "x"));
  };
  visit();
  const std::string kept = directory.path() + "/index/my.blocks";
  std::ofstream(kept) << "mine";
  std::ofstream(directory.path() + "/index/77.blocks") << "an old one";
  visit();
  EXPECT_EQ(read_file(real_file_system(), kept).value(), "mine");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/index/77.blocks"));
}

}  // namespace
}  // namespace millrace::log
