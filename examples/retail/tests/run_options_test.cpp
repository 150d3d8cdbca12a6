// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "retail/run/environment.hpp"

namespace retail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

millrace::Result<ParsedRun> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "./run");
  return parse_run(static_cast<int>(arguments.size()), arguments.data(), "/build/bin");
}

TEST(RunOptions, a_wrong_value_is_refused_in_one_line_that_names_the_option_and_what_it_takes) {
  struct Wrong {
    std::vector<const char*> arguments;
    const char* allowed;
  };
  const std::vector<Wrong> wrong{
      {{"--limit", "-5"}, "from 0 to 1000000000"},
      {{"--limit", "many"}, "from 0 to 1000000000"},
      {{"--limit", "1e3"}, "from 0 to 1000000000"},
      {{"--limit", "99999999999999999999"}, "from 0 to 1000000000"},
      {{"--limit", ""}, "from 0 to 1000000000"},
      {{"--storefronts", "0"}, "from 1 to 16"},
      {{"--storefronts", "17"}, "from 1 to 16"},
      {{"--port", "65536"}, "from 0 to 65535"},
      {{"--port", "-1"}, "from 0 to 65535"},
      {{"--seed", "-1"}, "from 0 to 18446744073709551615"},
      {{"--seed", "18446744073709551616"}, "from 0 to 18446744073709551615"},
      {{"--in-flight", "0"}, "from 1 to 10000"},
      {{"--in-flight", "10001"}, "from 1 to 10000"},
      {{"--chaos", "nan"}, "from 0 to 86400"},
      {{"--chaos", "inf"}, "from 0 to 86400"},
      {{"--chaos", "1e300"}, "from 0 to 86400"},
      {{"--chaos", "-1"}, "from 0 to 86400"},
      {{"--rate", "0"}, "from 0.001 to 1000000"},
      {{"--rate", "nan"}, "from 0.001 to 1000000"},
      {{"--rate", "1e300"}, "from 0.001 to 1000000"},
      {{"--pass", "0"}, "from 1 to 14"},
      {{"--pass", "15"}, "from 1 to 14"},
      {{"--pass", "second"}, "from 1 to 14"},
      {{"--passes", "0"}, "from 1 to 14"},
      {{"--passes", "-2"}, "from 1 to 14"},
      {{"--retention", "-1"}, "from 0 to 3153600000000"},
      {{"--retention", "1d"}, "from 0 to 3153600000000"},
      {{"--stock", "plenty"}, "ample or scarce"},
      {{"--stock", ""}, "ample or scarce"},
      {{"--durability", "maybe"}, "sync, interval=MS or os"},
      {{"--durability", "interval=0"}, "sync, interval=MS or os"},
      {{"--data", ""}, "the name of a directory"},
      {{"--data", "  "}, "the name of a directory"},
      {{"--summary", ""}, "the name of a file"},
      {{"--source", ""}, "the name of a file"},
      {{"--log", ""}, "file:DIR"},
      {{"--log", "file:"}, "file:DIR"},
      {{"--log", "data/log"}, "file:DIR"},
  };
  for (const auto& [arguments, allowed] : wrong) {
    const auto parsed = parse(arguments);
    const std::string what = std::string(arguments[0]) + " '" + arguments[1] + "'";
    ASSERT_FALSE(parsed) << what;
    EXPECT_TRUE(parsed.error().is(millrace::errc::invalid_argument)) << what;
    EXPECT_THAT(parsed.error().message(), HasSubstr(arguments[0])) << what;
    EXPECT_THAT(parsed.error().message(), HasSubstr(allowed)) << what;
    EXPECT_THAT(parsed.error().message(), Not(HasSubstr("\n"))) << what;
    EXPECT_LT(parsed.error().message().size(), 250U) << what;
  }
}

TEST(RunOptions, what_is_no_option_and_what_excludes_another_is_refused_in_one_line) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"--nonsense"},
           {"--in-flight", "3", "--rate", "5"},
           {"--passes", "2", "--pass", "2"},
           {"--retention", "0", "--log", "kafka://127.0.0.1:9092"},
           {"--limit"},
           {"more"}}) {
    const auto parsed = parse(arguments);
    ASSERT_FALSE(parsed) << arguments[0];
    EXPECT_THAT(parsed.error().message(), HasSubstr(arguments[0]));
    EXPECT_THAT(parsed.error().message(), Not(HasSubstr("\n")));
  }
}

TEST(RunOptions, a_flag_takes_no_value) {
  EXPECT_FALSE(parse({"--once=3"}));
  EXPECT_FALSE(parse({"--fresh=no"}));
}

TEST(RunOptions, the_largest_and_the_smallest_allowed_are_taken) {
  const auto parsed = parse({"--limit", "1000000000", "--port", "65535", "--seed",
                             "18446744073709551615", "--chaos", "86400", "--rate", "0.001"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.seed, 18'446'744'073'709'551'615U);
  EXPECT_EQ(parsed->options.port, 65'535);
  EXPECT_EQ(parsed->options.log, "file:./data/log");
  EXPECT_TRUE(parse({"--limit", "0", "--port", "0", "--seed", "0", "--chaos", "0"}));
}

TEST(RunOptions, one_pass_is_run_or_all_up_to_one) {
  const auto passes = [](std::vector<const char*> arguments) {
    const auto parsed = parse(std::move(arguments));
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed ? std::pair(parsed->options.first_pass, parsed->options.last_pass)
                  : std::pair<std::int64_t, std::int64_t>();
  };
  EXPECT_EQ(passes({}), std::pair(1L, 1L));
  EXPECT_EQ(passes({"--pass", "3"}), std::pair(3L, 3L));
  EXPECT_EQ(passes({"--passes", "3"}), std::pair(1L, 3L));
  EXPECT_FALSE(parse({})->options.retention_ms);
  EXPECT_EQ(parse({"--retention", "0"})->options.retention_ms, 0);
}

TEST(RunOptions, a_summary_may_go_where_the_run_is_to_make_a_directory) {
  std::string root = (std::filesystem::temp_directory_path() / "millrace-run-XXXXXX").string();
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  RunOptions options;
  options.source = "/dev/null";
  options.data = root + "/new/";
  for (const char* summary :
       {"/new/out.json", "/./new//out.json", "/new/../new/out.json", "/new/logs/out.json"}) {
    options.summary = root + summary;
    EXPECT_TRUE(check_files(options)) << summary;
    EXPECT_FALSE(check_summary(options)) << summary << ": nothing has made it";
  }
  for (const char* summary : {"/new/more/out.json", "/newer/out.json", "/new/../old/out.json"}) {
    options.summary = root + summary;
    const auto checked = check_files(options);
    ASSERT_FALSE(checked) << summary;
    EXPECT_THAT(checked.error().message(), HasSubstr("in a directory that exists"));
  }
  std::filesystem::create_directories(root + "/new");
  options.summary = root + "/new/out.json";
  EXPECT_TRUE(check_summary(options));
  std::filesystem::remove_all(root);
}

TEST(RunEnvironment, only_what_a_run_passes_on_stays) {
  // Those of the user who runs the tests.
  static_cast<void>(drop_foreign_variables());
  ::setenv("MILLRACE_INSTANCE", "2", 1);
  ::setenv("MILLRACE_ADDRESS", "0.0.0.0", 1);
  ::setenv("MILLRACE_MAX_IN_FLIGHT", "8", 1);
  ::setenv("MILLRACES", "of another program", 1);
  EXPECT_THAT(drop_foreign_variables(), ElementsAre("MILLRACE_ADDRESS", "MILLRACE_INSTANCE"));
  EXPECT_EQ(::getenv("MILLRACE_INSTANCE"), nullptr);
  EXPECT_EQ(::getenv("MILLRACE_ADDRESS"), nullptr);
  EXPECT_STREQ(::getenv("MILLRACE_MAX_IN_FLIGHT"), "8");
  EXPECT_STREQ(::getenv("MILLRACES"), "of another program");
  ::unsetenv("MILLRACE_MAX_IN_FLIGHT");
  ::unsetenv("MILLRACES");
}

}  // namespace
}  // namespace retail
