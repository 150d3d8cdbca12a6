// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <filesystem>

#include "copy_logs.hpp"
#include "json.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

class CopyProgram : public testing::Test {
 protected:
  void SetUp() override {
    make_topic(*log, "orders", "orders");
    for (int i = 0; i < 3; ++i)
      write(*log, "orders", i % 2, {{i, "k", "v", {}}});
    set_position(*log, "stock", "orders", 0, log::offset(1));
    log->close();
  }
  Outcome copy(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"copy", source, target});
    return run(std::move(more));
  }

  connect::CopyDirectory directory;
  std::string source = "file:" + directory.path() + "/source";
  std::string target = "file:" + directory.path() + "/target";
  std::unique_ptr<connect::CopyLog> log = connect::file_copy_log(directory.path() + "/source");
};

TEST_F(CopyProgram, copies_compares_and_tells) {
  const Outcome outcome = copy();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 3U) << outcome.out;
  EXPECT_TRUE(lines[0].starts_with("copied    1 topic, 2 partitions, 3 records, 6 B in "))
      << lines[0];
  EXPECT_EQ(lines[1], "set       1 position of 1 group");
  EXPECT_EQ(lines[2], "compared  3 records: the same");
  EXPECT_EQ(outcome.notes, "");
}

TEST_F(CopyProgram, continues_a_copy_and_does_not_compare_when_asked_not_to) {
  copy();
  const Outcome outcome = copy({"--no-verify"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 3U) << outcome.out;
  EXPECT_TRUE(lines[0].starts_with("copied    1 topic, 2 partitions, 0 records")) << lines[0];
  EXPECT_EQ(lines[1], "earlier   3 records");
}

TEST_F(CopyProgram, prints_json) {
  const Outcome outcome = copy({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  ASSERT_TRUE(is_json(outcome.out)) << outcome.out;
  EXPECT_EQ(integer_in(outcome.out, "records"), 3);
  EXPECT_EQ(integer_in(outcome.out, "positions"), 1);
  EXPECT_NE(outcome.out.find("\"differences\":[]"), std::string::npos);
}

TEST_F(CopyProgram, tells_what_it_would_do_and_makes_no_log) {
  const Outcome outcome = copy({"--dry-run"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  EXPECT_EQ(outcome.out,
            "would copy  1 topic, 2 partitions, 3 records\nwould set   1 position of 1 group\n");
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/target"));
}

TEST_F(CopyProgram, only_compares_when_asked_to_and_fails_on_a_difference) {
  copy();
  EXPECT_EQ(copy({"--verify"}).exit_code, 0);
  write(*log, "orders", 1, {{9, "k", "late", {}}});
  const Outcome outcome = copy({"--verify"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("differs   orders-1: the record at 1 is not copied yet"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.notes.find("[copy.differs]"), std::string::npos) << outcome.notes;
}

TEST_F(CopyProgram, makes_no_log_among_other_things) {
  const std::string photos = directory.path() + "/photos";
  std::filesystem::create_directories(photos + "/journal");
  ASSERT_TRUE(write_file_atomically(real_file_system(), photos + "/summer.jpg", "x"));
  const Outcome outcome = run({"copy", source, "file:" + photos});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.notes.find("'summer.jpg'"), std::string::npos) << outcome.notes;
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(photos))
    ++entries;
  EXPECT_EQ(entries, 2U) << "it made something there";
}

TEST_F(CopyProgram, makes_no_log_within_its_source_or_around_it) {
  for (const std::string& other : {directory.path() + "/source/inside", directory.path()}) {
    const Outcome outcome = run({"copy", source, "file:" + other});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.notes.find("lies in the other"), std::string::npos) << outcome.notes;
  }
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/source/inside"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/version"));
}

TEST_F(CopyProgram, says_what_is_wrong_with_its_arguments) {
  const auto notes = [](std::vector<std::string> arguments, int exit_code) {
    const Outcome outcome = run(std::move(arguments));
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.notes;
    return outcome.notes;
  };
  EXPECT_NE(notes({"copy", source}, 2).find("TARGET"), std::string::npos);
  EXPECT_NE(notes({"copy", source, target, "--verify", "--dry-run"}, 2).find("--dry-run"),
            std::string::npos);
  EXPECT_NE(notes({"copy", source, directory.path() + "/x/../source"}, 1).find("same log"),
            std::string::npos);
  EXPECT_NE(notes({"copy", target, source}, 1).find("no log at"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/target"));
  EXPECT_NE(notes({"copy", source, target, "--verify"}, 1).find("target"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/target"));
}

}  // namespace
}  // namespace millrace::cli
