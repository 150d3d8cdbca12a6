// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <millrace_test_paths.hpp>
#include <sstream>

#include "millrace/base/file_system.hpp"
#include "retail/run/options.hpp"

namespace retail {
namespace {

std::string help() {
  const char* const arguments[] = {"./run", "--help"};
  const auto parsed = parse_run(2, arguments, "/build/bin");
  return parsed ? parsed->print_and_exit : parsed.error().message();
}

// The text of each option of the help, by name.
std::map<std::string, std::string> options_of(const std::string& text) {
  std::map<std::string, std::string> options;
  std::istringstream lines(text);
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  --")) name = line.substr(2, line.find_first_of(" ,", 2) - 2);
    if (line.empty()) name.clear();
    if (!name.empty()) options[name] += line + "\n";
  }
  return options;
}

TEST(RunHelp, is_the_text_that_the_script_prints_without_a_build) {
  const auto text =
      millrace::read_file(millrace::real_file_system(), std::string(millrace::test::source_dir) +
                                                            "/examples/retail/run/help.txt");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(help(), *text);
}

TEST(RunHelp, names_every_option_with_its_default_and_no_other) {
  auto listed = options_of(help());
  for (const auto& [name, value] : described_options()) {
    if (name == "--help") continue;
    ASSERT_TRUE(listed.contains(name)) << name;
    if (!value.empty()) {
      EXPECT_THAT(listed[name], testing::HasSubstr("(default " + value + ")"));
    }
    listed.erase(name);
  }
  listed.erase("--version");
  EXPECT_TRUE(listed.empty()) << listed.begin()->first << " is no option";
}

TEST(RunHelp, begins_with_a_short_overview_and_fits_a_terminal) {
  std::istringstream lines(help());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_LE(line.size(), 90U) << line;
    if (count == 2) {
      EXPECT_EQ(line, "Usage: ./run [OPTIONS]");
    }
  }
  EXPECT_LE(count, 40U);
}

}  // namespace
}  // namespace retail
