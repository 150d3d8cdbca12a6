// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "arguments.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <set>

#include "completion.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

// A value that must be refused, the line of arguments with it, and what the message says is
// allowed.
struct Wrong {
  std::string option;  // that the message names; of a positional its name
  std::vector<std::string> arguments;
  std::string value;
  std::string allowed;
};

using Words = std::vector<std::string>;

void add(std::vector<Wrong>& all, const std::string& option, const Words& before,
         const Words& values, const std::string& allowed, const Words& after = {}) {
  for (const std::string& value : values) {
    Words arguments = before;
    if (option.starts_with('-')) arguments.push_back(option);
    arguments.push_back(value);
    arguments.insert(arguments.end(), after.begin(), after.end());
    all.push_back({option, arguments, value, allowed});
  }
}

std::vector<Wrong> wrong_values() {
  const Words numbers{"-5", "", "x", "1.5", "0x10", "1e3", "+1", " 1", "99999999999999999999999"};
  const Words names{"", "a b", "a/b", "..", std::string(250, 'x'), "a\x1b[2J"};
  const Words urls{
      "", "file:", "http://x", "kafka://", "kafka://h:0", "kafka://h:99999", "kafka://h,:1"};
  std::vector<Wrong> all;
  add(all, "--log", {}, urls, "file:DIR or kafka://HOST:PORT", {"topics"});
  const Words with_partitions{"topics", "create", "orders", "-p", "1"};
  add(all, "NAME", {"topics", "create"}, names, "1 to 249 letters, digits",
      {"-p", "1", "--kind", "events", "--owner", "orders"});
  Words counts = numbers;
  counts.insert(counts.end(), {"0", "4097"});
  add(all, "--partitions", {"topics", "create", "orders", "--kind", "events", "--owner", "orders"},
      counts, "from 1 to 4096");
  add(all, "--kind", with_partitions, {"", "facts"}, "events", {"--owner", "orders"});
  add(all, "--owner", with_partitions, names, "name of a service", {"--kind", "events"});
  add(all, "TOPIC", {"topics", "alter"}, names, "1 to 249 letters, digits",
      {"--unset", "retention.ms"});
  add(all, "--set", {"topics", "alter", "orders"}, {"", "retention.ms"}, "NAME=VALUE");
  add(all, "--set", {"topics", "alter", "orders"}, {"retention.ms=1d", "retention.bytes=-2"},
      "a number from 0 on");
  add(all, "--unset", {"topics", "alter", "orders"}, {"", "age"}, "there are cleanup.policy");
  add(all, "TOPIC", {"tail"}, names, "1 to 249 letters, digits");
  add(all, "--partition", {"tail", "orders"}, numbers, "from 0 to 2147483647");
  add(all, "--limit", {"tail", "orders"}, numbers, "from 0 to 2147483647");
  add(all, "--from", {"tail", "orders"},
      {"-1", "yesterday", "2010-13-01T00:00:00Z", "2010-02-30", "2w", "h"}, "a time (2010");
  add(all, "ID", {"trace"}, {""}, "is empty");
  add(all, "NAME", {"groups"}, {"", std::string(250, 'x')}, "1 to 249 bytes");
  add(all, "SERVICE", {"query"}, names, "name of a service");
  add(all, "VIEW", {"query", "stock"}, {""}, "is empty");
  add(all, "KEY", {"query", "stock", "shelves"}, {""}, "is empty");
  add(all, "--from", {"query", "stock", "shelves"}, {""}, "is empty");
  add(all, "--to", {"query", "stock", "shelves"}, {""}, "is empty");
  Words entries = numbers;
  entries.insert(entries.end(), {"0", "10001"});
  add(all, "--limit", {"query", "stock", "shelves"}, entries, "from 1 to 10000");
  add(all, "--run", {"query", "stock"}, {""}, "is empty");
  add(all, "SERVICE", {"dead-letters", "list"}, names, "name of a service");
  const Words letters{"", "17", "1:", ":1", "1:x", "1:2:3", "99999999999:1"};
  for (const char* command : {"show", "replay"}) {
    add(all, "SERVICE", {"dead-letters", command}, names, "name of a service", {"1:17"});
    add(all, "LETTER", {"dead-letters", command, "orders"}, letters, "PARTITION:OFFSET");
  }
  add(all, "--value-file", {"dead-letters", "replay", "orders", "1:1"}, {""}, "is empty");
  add(all, "SOURCE", {"copy"}, urls, "file:DIR or kafka://", {"file:b"});
  add(all, "TARGET", {"copy", "file:a"}, urls, "file:DIR or kafka://");
  add(all, "--topics", {"copy", "file:a", "file:b"}, {""}, "is empty");
  for (const char* option : {"--transaction-bytes", "--max-record-bytes"}) {
    Words bytes = numbers;
    bytes.emplace_back("0");
    add(all, option, {"copy", "file:a", "file:b"}, bytes, "from 1 to 67108864");
  }
  add(all, "NAME", {"new"}, {"", "Desk", "1desk", "a b", "a/b", "a.b", "..", "test", "install"},
      "name of a new service");
  add(all, "--directory", {"new", "desk"}, {""}, "is empty");
  add(all, "DESCRIPTION", {"acls"}, {""}, "is empty");
  add(all, "--principal", {"acls", "-"}, {"", "orders", "User:", ":orders"}, "TYPE:NAME");
  add(all, "--reads", {"acls", "-"}, names, "name of a topic");
  add(all, "--writes", {"acls", "-"}, names, "name of a topic");
  add(all, "--deletes", {"acls", "-"}, names, "name of a topic");
  add(all, "--format", {"acls", "-"}, {"", "xml"}, "table");
  add(all, "--command-config", {"acls", "-"}, {""}, "is empty");
  add(all, "SERVICE", {"topology", "accept"}, names, "name of a service", {"totals", "2"});
  add(all, "NAME", {"topology", "accept", "stock"}, {""}, "is empty", {"2"});
  Words versions = numbers;
  versions.emplace_back("0");
  versions.emplace_back("9007199254740993");  // beyond 2^53
  add(all, "VERSION", {"topology", "accept", "stock", "totals"}, versions, "from 1 to");
  for (const char* command : {"show", "reset"})
    add(all, "SERVICE", {"topology", command}, names, "name of a service");
  add(all, "DESCRIPTION", {"topology", "migrate"}, {""}, "is empty");
  add(all, "--store", {"topology", "reset", "stock"}, {""}, "is empty");
  for (const char* command : {"verify", "stat", "repair"})
    add(all, "DIR", {"log", command}, urls, "file:DIR");
  add(all, "--segment", {"log", "dump"}, {""}, "is empty");
  add(all, "SHELL", {"completion"}, {"", "csh"}, "bash");
  return all;
}

TEST(Arguments, a_wrong_value_is_one_line_that_names_option_value_and_what_is_allowed) {
  for (const Wrong& wrong : wrong_values()) {
    const Outcome outcome = run(wrong.arguments);
    SCOPED_TRACE(wrong.arguments.front() + " " + wrong.option + " '" + escaped(wrong.value) + "'");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(lines_of(outcome.notes).size(), 1U) << outcome.notes;
    EXPECT_NE(outcome.notes.find(wrong.option), std::string::npos) << outcome.notes;
    EXPECT_NE(outcome.notes.find(escaped(wrong.value.substr(0, 20))), std::string::npos)
        << outcome.notes;
    EXPECT_NE(outcome.notes.find(wrong.allowed), std::string::npos) << outcome.notes;
    EXPECT_LT(display_width(outcome.notes), 240U) << outcome.notes;
  }
}

// All bytes mean something in these.
const std::set<std::string> free_text{"--key", "--value"};

void collect(const CommandModel& command, std::set<std::string>& options) {
  for (const CommandModel::Option& option : command.options) {
    if (option.takes_value) options.insert(option.names.back());
  }
  for (const std::string& positional : command.positionals)
    options.insert(positional);
  for (const CommandModel& one : command.commands)
    collect(one, options);
}

TEST(Arguments, every_option_with_a_value_is_in_the_table_above) {
  Screen screen;
  Action action;
  CLI::App app;
  describe_program(app, screen.session, action);
  std::set<std::string> options;
  collect(describe_commands(app), options);
  std::set<std::string> tried = free_text;
  for (const Wrong& wrong : wrong_values())
    tried.insert(wrong.option);
  EXPECT_EQ(options, tried);
}

// CLI11 from 2.4 on refuses others when the program starts.
TEST(Arguments, names_of_positionals_have_letters_and_dashes_only) {
  Screen screen;
  Action action;
  CLI::App app;
  describe_program(app, screen.session, action);
  std::set<std::string> options;
  collect(describe_commands(app), options);
  for (const std::string& name : options) {
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"),
              std::string::npos)
        << name;
  }
}

TEST(Arguments, a_mistyped_option_or_command_is_suggested_in_one_line) {
  const std::vector<std::pair<Words, std::string>> cases{
      {{"tpoics"}, "did you mean 'topics'?"},
      {{"topics", "--jsno"}, "did you mean '--json'?"},
      {{"dead-letters", "relpay", "orders"}, "did you mean 'replay'?"},
      {{"topics", "x"}, "there is no command 'x'"},
      {{"topics", "alter", "orders", "x", "--unset", "retention.ms"}, "one argument too many"},
      {{"dead-letters"}, "list, show, replay"},
      {{"tail"}, "TOPIC or --all is required"},
      {{"tail", "orders", "--all"}, "TOPIC excludes --all"}};
  for (const auto& [arguments, text] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(lines_of(outcome.notes).size(), 1U) << outcome.notes;
    EXPECT_NE(outcome.notes.find(text), std::string::npos) << outcome.notes;
  }
}

TEST(Arguments, another_value_is_for_one_dead_letter) {
  for (const Words& arguments :
       {Words{"dead-letters", "replay", "orders", "--all", "--value", ""},
        Words{"dead-letters", "replay", "orders", "1:1", "1:2", "--value-file", "x"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_NE(outcome.notes.find("name one LETTER"), std::string::npos) << outcome.notes;
  }
}

TEST(LogUrl, of_every_kind_that_there_is_is_taken) {
  for (const char* good : {"file:./data/log", "data/log", "kafka://h:9092", "kafka://h:1,",
                           "kafka://a:1,b:2/shop?sasl.password=x", "kafka://[::1]:9092/p"}) {
    EXPECT_EQ(check_log_url(good), "") << good;
  }
}

TEST(LogUrl, without_a_port_is_refused_as_the_backend_refuses_it) {
  for (const char* bad : {"kafka://h", "kafka://h:", "kafka://:1", "kafka://a:1,b", "kafka://,a:1",
                          "kafka://h:99999", "kafka://"}) {
    EXPECT_NE(check_log_url(bad), "") << bad;
  }
}

TEST(Arguments, a_wrong_log_in_the_environment_is_refused_and_no_other_is_taken) {
  ASSERT_EQ(::setenv("MILLRACE_LOG", "kafka://h:99999?sasl.password=secret", 1), 0);
  const Outcome outcome = run({"topics"});
  const Outcome named = run({"--log", "file:/no/such/log", "topics"});
  ASSERT_EQ(::unsetenv("MILLRACE_LOG"), 0);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.notes.find("MILLRACE_LOG"), std::string::npos) << outcome.notes;
  EXPECT_EQ(outcome.notes.find("secret"), std::string::npos) << outcome.notes;
  EXPECT_EQ(named.exit_code, 1) << named.notes;
  EXPECT_NE(named.notes.find("/no/such/log"), std::string::npos) << named.notes;
}

TEST(LogUrl, that_is_wrong_shows_no_password) {
  EXPECT_EQ(check_log_url("kafka://h:x?sasl.password=secret").find("secret"), std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
