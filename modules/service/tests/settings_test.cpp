// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "millrace/base/fault_file_system.hpp"
#include "run_file.hpp"
#include "standard_settings.hpp"

namespace millrace::service {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<Setting> declared{
    number_setting("port", "8080", "Port to serve on", 0, 65'535),
    {"speed", "1", "How fast"},
    path_setting("state-dir", "", "Where state is kept"),
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

// `--instance 1` chooses the state directory, and the default 1 does not.
TEST(Settings, one_that_is_given_its_default_is_given) {
  const auto is_given = [](std::vector<const char*> arguments) {
    const auto parsed = parse(std::move(arguments));
    EXPECT_TRUE(parsed);
    return parsed && parsed->settings.is_given("port");
  };
  EXPECT_FALSE(is_given({}));
  EXPECT_FALSE(is_given({"--dry"}));
  EXPECT_TRUE(is_given({"--port", "8080"}));
  ::setenv("MILLRACE_PORT", "8080", 1);
  const bool by_environment = is_given({});
  ::unsetenv("MILLRACE_PORT");
  EXPECT_TRUE(by_environment);
  const std::string path = testing::TempDir() + "millrace-settings-given-test.conf";
  std::ofstream(path) << "port=8080\n";
  EXPECT_TRUE(is_given({"--config", path.c_str()}));
}

TEST(Settings, a_variable_beats_the_file) {
  const std::string path = testing::TempDir() + "millrace-settings-test.conf";
  std::ofstream(path) << "port=5050\nstock=ample\n";
  ::setenv("MILLRACE_PORT", "7070", 1);
  const auto parsed = parse({"--config", path.c_str()});
  ::unsetenv("MILLRACE_PORT");
  std::remove(path.c_str());
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->settings.get("port"), "7070");
  EXPECT_EQ(parsed->settings.get("stock"), "ample");
}

/// What somebody gave that cannot be taken, and what the one line about it must name.
struct Refusal {
  const char* name;
  std::vector<const char*> arguments;
  const char* variable;  // set to `value` for the test; null: none
  const char* value;
  std::vector<const char*> named;
};

class SettingsRefused : public testing::TestWithParam<Refusal> {};

TEST_P(SettingsRefused, in_one_line_that_names_the_flag_the_value_and_what_is_allowed) {
  const Refusal& refusal = GetParam();
  if (refusal.variable != nullptr) {
    ::setenv(refusal.variable, refusal.value, 1);
  }
  const auto parsed = parse(refusal.arguments);
  if (refusal.variable != nullptr) {
    ::unsetenv(refusal.variable);
  }
  ASSERT_FALSE(parsed);
  const std::string& message = parsed.error().message();
  EXPECT_TRUE(parsed.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  EXPECT_LT(message.size(), 160U) << message;
  for (const char* text : refusal.named) {
    EXPECT_THAT(message, HasSubstr(text));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, SettingsRefused,
    testing::Values(
        Refusal{"unknown", {"--prot", "1"}, nullptr, nullptr, {"--prot", "--help"}},
        Refusal{"no_value", {"--port"}, nullptr, nullptr, {"--port"}},
        Refusal{"word", {"--port", "http"}, nullptr, nullptr, {"--port", "'http'", "0 to 65535"}},
        Refusal{"empty", {"--port", ""}, nullptr, nullptr, {"--port", "''", "0 to 65535"}},
        Refusal{"negative", {"--port=-5"}, nullptr, nullptr, {"--port", "'-5'", "0 to 65535"}},
        Refusal{"large", {"--port", "65536"}, nullptr, nullptr, {"--port", "65536", "0 to 65535"}},
        Refusal{"huge", {"--port", "99999999999999999999"}, nullptr, nullptr, {"0 to 65535"}},
        Refusal{"fraction", {"--port", "1.5"}, nullptr, nullptr, {"--port", "'1.5'", "whole"}},
        Refusal{"unit", {"--port", "80k"}, nullptr, nullptr, {"--port", "'80k'", "0 to 65535"}},
        Refusal{"number_variable", {}, "MILLRACE_PORT", "x", {"MILLRACE_PORT", "'x'", "65535"}},
        Refusal{"choice", {"--stock", "much"}, nullptr, nullptr, {"--stock", "ample, scarce"}},
        Refusal{"choice_variable", {}, "MILLRACE_STOCK", "much", {"MILLRACE_STOCK", "ample"}},
        Refusal{"path", {"--state-dir", ""}, nullptr, nullptr, {"--state-dir", "no path"}},
        Refusal{"path_equals", {"--state-dir="}, nullptr, nullptr, {"--state-dir", "no path"}},
        Refusal{"flag_variable", {}, "MILLRACE_DRY", "maybe", {"MILLRACE_DRY", "true"}},
        Refusal{
            "missing_file", {"--config", "/nowhere.conf"}, nullptr, nullptr, {"/nowhere.conf"}}),
    [](const auto& table) { return table.param.name; });

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

TEST(Settings, a_number_that_a_service_reads_itself_is_refused_naming_how_it_was_given) {
  ::setenv("MILLRACE_SPEED", "70", 1);
  const auto parsed = parse({});
  ::unsetenv("MILLRACE_SPEED");
  ASSERT_TRUE(parsed);
  const auto speed = parsed->settings.integer("speed", 0, 9);
  ASSERT_FALSE(speed);
  EXPECT_EQ(speed.error().message(), "MILLRACE_SPEED: '70' is not a whole number from 0 to 9");
}

/// The settings of every service.
TEST(Settings, every_standard_number_and_name_is_checked) {
  const auto refused = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    const auto parsed = parse_settings(static_cast<int>(arguments.size()), arguments.data(),
                                       "program", "Does things", "1.2.3", standard_settings());
    if (!parsed) return parsed.error().message();
    if (const auto read = log_options(parsed->settings, "s"); !read) return read.error().message();
    if (const auto read = server_options(parsed->settings); !read) return read.error().message();
    return std::string();
  };
  EXPECT_EQ(refused({}), "");
  for (const char* name :
       {"port", "max-in-flight", "max-waiting", "snapshot-interval-ms", "commit-interval-ms",
        "max-task-idle-ms", "max-catch-up-wait-ms", "keep-for-shadow-ms", "instance",
        "session-timeout-ms", "log-level", "describe", "durability", "address"}) {
    const std::string flag = std::string("--") + name;
    for (const char* value : {"nonsense", "-1", "99999999999999999999"}) {
      EXPECT_THAT(refused({(flag + "=" + value).c_str()}),
                  AllOf(HasSubstr(flag + ": '" + value + "'"), Not(HasSubstr("\n"))));
    }
  }
  for (const char* name : {"state-dir", "run-dir", "log-file"}) {
    EXPECT_THAT(refused({("--" + std::string(name)).c_str(), ""}), HasSubstr("no path"));
  }
  EXPECT_THAT(refused({"--durability", "interval=0"}), HasSubstr("1 to 60000"));
}

TEST(Settings, a_directory_that_cannot_be_made_is_noticed_at_the_start) {
  FaultFileSystem files;
  ASSERT_TRUE(files.open("/file", OpenMode::create));
  const char* arguments[] = {"program", "--state-dir", "/file/state"};
  const auto parsed = parse_settings(3, arguments, "program", "", "1", standard_settings());
  ASSERT_TRUE(parsed);
  const Status checked = check_directories(parsed->settings, files);
  ASSERT_FALSE(checked);
  EXPECT_TRUE(checked.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(checked.error().message(), HasSubstr("--state-dir: "));
}

TEST(RunFile, only_what_it_wrote_is_removed) {
  FaultFileSystem files;
  {
    RunFile mine(files, "/run/stock.json");
    ASSERT_TRUE(mine.write(1, 80, "1"));
  }
  EXPECT_FALSE(files.exists("/run/stock.json"));
  {
    RunFile mine(files, "/run/stock.json");
    ASSERT_TRUE(mine.write(1, 80, "1"));
    ASSERT_TRUE(write_file_atomically(files, "/run/stock.json", "of another instance"));
  }
  EXPECT_EQ(read_file(files, "/run/stock.json").value(), "of another instance");
}

}  // namespace
}  // namespace millrace::service
