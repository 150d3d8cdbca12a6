// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace millrace::service {
namespace {

using testing::HasSubstr;

const std::vector<Setting> declared{
    {"port", "8080", "Port to serve on"},
    {"stock", "scarce", "How shelves are filled", {"ample", "scarce"}},
    {"dry", "false", "Change nothing", {}, true},
};

Result<ParsedSettings> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  return parse_settings(static_cast<int>(arguments.size()), arguments.data(), "program",
                        "Does things", "1.2.3", declared);
}

TEST(Settings, a_setting_that_nobody_gave_has_its_default) {
  const auto parsed = parse({});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->settings.get("port"), "8080");
  EXPECT_FALSE(parsed->settings.flag("dry"));
}

TEST(Settings, a_flag_on_the_command_line_beats_the_environment) {
  ::setenv("MILLRACE_PORT", "7070", 1);
  const auto from_environment = parse({});
  const auto from_flag = parse({"--port", "6060", "--dry"});
  ::unsetenv("MILLRACE_PORT");
  ASSERT_TRUE(from_environment);
  ASSERT_TRUE(from_flag);
  EXPECT_EQ(from_environment->settings.get("port"), "7070");
  EXPECT_EQ(from_flag->settings.get("port"), "6060");
  EXPECT_TRUE(from_flag->settings.flag("dry"));
}

TEST(Settings, an_unknown_flag_is_refused_with_the_usage) {
  const auto parsed = parse({"--prot", "1"});
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(parsed.error().message(), HasSubstr("--prot"));
  EXPECT_THAT(parsed.error().message(), HasSubstr("--port"));
}

TEST(Settings, a_value_that_is_none_of_the_choices_is_refused_naming_them) {
  const auto parsed = parse({"--stock", "plenty"});
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message(), HasSubstr("ample"));
}

TEST(Settings, help_names_every_setting_its_default_and_its_variable) {
  const auto parsed = parse({"--help"});
  ASSERT_TRUE(parsed);
  for (const char* text :
       {"--port", "8080", "MILLRACE_PORT", "Port to serve on", "--stock", "--config"}) {
    EXPECT_THAT(parsed->print_and_exit, HasSubstr(text));
  }
}

TEST(Settings, version_is_printed_on_demand) {
  const auto parsed = parse({"--version"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->print_and_exit, "program 1.2.3\n");
}

TEST(Settings, a_number_out_of_its_range_is_refused_naming_setting_and_range) {
  const auto parsed = parse({"--port", "99999"});
  ASSERT_TRUE(parsed);
  const auto port = parsed->settings.integer("port", 0, 65'535);
  ASSERT_FALSE(port);
  EXPECT_THAT(port.error().message(), HasSubstr("--port"));
  EXPECT_THAT(port.error().message(), HasSubstr("65535"));
}

}  // namespace
}  // namespace millrace::service
