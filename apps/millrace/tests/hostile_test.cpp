// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "millrace/log_embedded/embedded.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

// Clears a screen in three ways, hides text, turns it around, fakes a line.
constexpr std::string_view hostile =
    "x\x1b[2J\x1b]0;title\x07\xc2\x9b"
    "2J\x7f\xe2\x80\xae\xff\r\nThe audit holds.";

// A log in which all that may be foreign is hostile.
class HostileLog : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/millrace_hostile_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root = path;
    url = "file:" + root + "/log";
    log::LogOptions options;
    options.service = "orders";
    options.member = text();
    log::register_embedded();
    auto opened = log::open_log(url, environment, options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    orders = *std::move(opened);
    for (const auto& [name, kind] : {std::pair("orders", log::TopicKind::events),
                                     std::pair("orders.state", log::TopicKind::private_topic),
                                     std::pair("orders.dead-letters", log::TopicKind::events),
                                     std::pair("orders.retry", log::TopicKind::commands)}) {
      ASSERT_TRUE(orders->create_topic({name, 1, kind, "orders"}));
      publish(name, text());
      publish(name, "{\"value\":\"\xc2\x9b\x7f\xe2\x80\xae\"}");
    }
    const auto group = orders->group("orders/" + text());
    ASSERT_TRUE(group);
    membership = *orders->join(*group, {text()});
    ASSERT_TRUE(membership->poll());
  }
  void TearDown() override {
    membership.reset();
    orders.reset();
    std::filesystem::remove_all(root);
  }
  static std::string text() { return std::string(hostile); }
  void publish(const std::string& topic, const std::string& value) {
    log::HeadersBuilder headers;
    headers.add("ce_id", hostile).add("ce_source", hostile).add("ce_type", hostile);
    headers.add("ce_specversion", "1.0").add("correlationid", hostile);
    headers.add("causationid", hostile).add(hostile, hostile);
    headers.add("dl-reason", hostile).add("dl-code", hostile).add("dl-topic", hostile);
    headers.add("dl-partition", hostile).add("dl-attempts", hostile).add("dl-build", hostile);
    log::Transaction transaction;
    transaction.append({orders->find_topic(topic)->id, log::partition(0)},
                       {0, hostile, value, headers.view()});
    ASSERT_TRUE(orders->commit(transaction));
  }

  std::string root;
  std::string url;
  SeededRandom random{3};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  std::unique_ptr<log::Log> orders;
  std::unique_ptr<log::Membership> membership;
};

TEST_F(HostileLog, reaches_no_terminal_by_any_command) {
  const std::vector<std::vector<std::string>> commands{
      {"topics", "--all"},
      {"topics", text()},
      {text()},
      {"--" + text()},
      {"tail", "orders", "orders.state", "orders.dead-letters", "--headers"},
      {"tail", "orders", "orders.state", "orders.dead-letters", "--headers", "--json"},
      {"tail", "orders", "--from", text()},
      {"tail", text()},
      {"trace", text()},
      {"trace", text(), "--json"},
      {"trace", "none" + text()},
      {"groups"},
      {"groups", "orders"},
      {"groups", "--json"},
      {"groups", "other" + text()},
      {"dead-letters", "list"},
      {"dead-letters", "list", "--json"},
      {"dead-letters", "show", "orders", "0:0", "0:1"},
      {"dead-letters", "show", "orders", "0:0", "--json"},
      {"dead-letters", "show", "orders", text()},
      {"dead-letters", "replay", "orders", "0:0", "--value-file", root + "/" + text()},
      {"dead-letters", "replay", "orders", "--all"},
      {"query", "orders", text(), "--run", root + "/" + text()},
      {"copy", url, "file:" + root + "/copy" + text(), "--force"},
      {"copy", "file:" + root + "/" + text(), url},
      {"log", "verify", root + "/" + text()},
      {"acls", root + "/" + text(), "--log", "kafka://h/" + text()},
      {"completion", text()}};
  for (const auto& command : commands) {
    std::vector<std::string> arguments{"--log", url};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const Outcome outcome = run(arguments);
    SCOPED_TRACE(command[0] + " " + (command.size() > 1 ? escaped(command[1]) : ""));
    EXPECT_FALSE(outcome.out.empty() && outcome.notes.empty());
    for (const std::string* printed : {&outcome.out, &outcome.notes}) {
      EXPECT_TRUE(is_plain_text(*printed)) << escaped(*printed);
      EXPECT_EQ(printed->find('\r'), std::string::npos) << escaped(*printed);
      EXPECT_EQ(printed->find("\nThe audit holds."), std::string::npos) << escaped(*printed);
    }
  }
}

TEST_F(HostileLog, is_json_all_the_same) {
  const std::vector<std::vector<std::string>> commands{
      {"tail", "orders", "orders.state", "orders.dead-letters", "--headers", "--json"},
      {"trace", text(), "--json"},
      {"groups", "--json"},
      {"dead-letters", "show", "orders", "0:0", "--json"}};
  for (const auto& command : commands) {
    std::vector<std::string> arguments{"--log", url};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const Outcome outcome = run(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.notes;
    ASSERT_FALSE(outcome.out.empty());
    for (const std::string& line : lines_of(outcome.out))
      EXPECT_TRUE(is_json(line)) << command[0] << ": " << line;
  }
}

}  // namespace
}  // namespace millrace::cli
