// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "commands/commands.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<log::SettingChange> changes_of(const std::vector<std::string>& texts) {
  std::vector<log::SettingChange> changes;
  for (const std::string& text : texts)
    changes.push_back(log::parse_setting_change(text).value());
  return changes;
}

class TopicChanges : public testing::Test {
 protected:
  void SetUp() override {
    log::LogOptions options;
    options.service = log::any_service;
    writer = shop.connect(std::move(options));
  }
  Result<std::string> create(const CreateTopicOptions& options) {
    Screen screen;
    MILLRACE_TRY(create_topic(*writer, options, screen.out));
    return screen.text;
  }
  Result<std::string> alter(const std::string& topic, const std::vector<std::string>& texts,
                            bool json = false) {
    Screen screen;
    MILLRACE_TRY(alter_topic(*writer, {topic, changes_of(texts), json}, not_in_use, screen.out));
    return screen.text;
  }
  Shop shop;
  std::unique_ptr<log::Log> writer;
  const TopicNotInUse not_in_use = [](const log::Topic&) { return Status{}; };
  const log::TopicSpec spec{"orders", 3, log::TopicKind::events, "orders"};
};

TEST_F(TopicChanges, create_a_topic_that_its_owner_then_finds) {
  const auto made =
      create({spec, changes_of({"cleanup.policy=delete", "retention.ms=86400000"}), false});
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_THAT(*made, HasSubstr("(created)"));
  EXPECT_THAT(*made, HasSubstr("86400000"));
  log::Log& owner = shop.service("orders");
  const auto found = owner.create_topic(spec);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(owner.topic_settings(found->id)->retention_ms, 86'400'000);
}

TEST_F(TopicChanges, create_a_topic_again_only_as_it_is) {
  const auto settings = changes_of({"cleanup.policy=compact"});
  ASSERT_TRUE(create({spec, settings, false}));
  EXPECT_THAT(create({spec, settings, false}).value(), HasSubstr("there already"));
  for (const auto& others : {changes_of({}), changes_of({"cleanup.policy=keep"})}) {
    const auto other = create({spec, others, false});
    ASSERT_FALSE(other);
    EXPECT_TRUE(other.error().is(log::errc::topic_mismatch)) << other.error().to_string();
    EXPECT_THAT(other.error().message(), HasSubstr("cleanup.policy is compact and not keep"));
    EXPECT_THAT(other.error().message(), HasSubstr("topics alter"));
  }
}

TEST_F(TopicChanges, show_all_settings_after_a_change) {
  ASSERT_TRUE(create({spec, {}, false}));
  const auto text = alter("orders", {"delete.retention.ms=5"});
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_THAT(lines_of(*text), testing::Contains("cleanup.policy         keep        (default)"));
  EXPECT_THAT(lines_of(*text), testing::Contains("delete.retention.ms    5"));
  const auto json = alter("orders", {"delete.retention.ms=6"}, true);
  ASSERT_TRUE(json) << json.error().to_string();
  EXPECT_THAT(*json, HasSubstr(R"({"name":"orders","kind":"events","owner":"orders",)"
                               R"("partitions":3,"settings":{"cleanup.policy":"keep",)"));
  EXPECT_THAT(*json, HasSubstr(R"("delete.retention.ms":6)"));
}

TEST_F(TopicChanges, are_listed_where_they_are_not_as_usual) {
  ASSERT_TRUE(create({spec, {}, false}));
  ASSERT_TRUE(alter("orders", {"cleanup.policy=delete", "retention.ms=86400000"}));
  Screen screen;
  ASSERT_TRUE(show_topics(*shop.tool, {}, screen.out));
  EXPECT_THAT(screen.text, HasSubstr("SETTINGS"));
  EXPECT_THAT(screen.text, HasSubstr("delete         0  retention.ms=86400000"));
}

TEST_F(TopicChanges, of_a_topic_that_is_not_there_suggest_one) {
  ASSERT_TRUE(create({spec, {}, false}));
  const auto refused = alter("order", {"delete.retention.ms=5"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("did you mean 'orders'?"));
}

// The command line on a log of its own.
class TopicChangesProgram : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/millrace_cli_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root = path;
    log::register_embedded();
    log::LogOptions options;
    options.service = "orders";
    auto opened = log::open_embedded(root + "/log", environment, options, {.force = true});
    ASSERT_TRUE(opened) << opened.error().to_string();
    orders = *std::move(opened);
  }
  void TearDown() override {
    orders.reset();
    std::filesystem::remove_all(root);
  }
  int run(std::vector<std::string> arguments) {
    text.clear();
    notes.clear();
    Output out(text);
    Output err(notes);
    std::atomic<bool> stop = false;
    arguments.insert(arguments.begin(), {"--log", "file:" + root + "/log"});
    const int code = run_program(std::move(arguments), out, err, stop);
    err.flush();
    return code;
  }
  std::string root;
  std::string text;
  std::string notes;
  SeededRandom random{3};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  std::unique_ptr<log::Log> orders;
};

TEST_F(TopicChangesProgram, change_a_log_in_use) {
  EXPECT_EQ(run({"topics", "create", "orders", "--partitions", "2", "--kind", "events", "--owner",
                 "orders", "--set", "cleanup.policy=delete", "--set", "retention.ms=1000"}),
            0)
      << notes;
  const log::TopicId topic = orders->find_topic("orders").value().id;
  EXPECT_EQ(orders->topic_settings(topic)->retention_ms, 1'000);
  EXPECT_EQ(run({"topics", "alter", "orders", "--set", "delete.retention.ms=2000", "--unset",
                 "cleanup.policy", "--unset", "retention.ms"}),
            0)
      << notes;
  EXPECT_EQ(orders->topic_settings(topic)->delete_retention_ms, 2'000);
  EXPECT_EQ(run({"topics", "alter", "orders", "--set", "delete.retention.ms=3000", "--unset",
                 "delete.retention.ms"}),
            1);
  EXPECT_THAT(notes, HasSubstr("twice"));
  EXPECT_EQ(run({"topics", "alter", "orders", "--unset", "delete.retention.ms"}), 0) << notes;
  EXPECT_EQ(orders->topic_settings(topic).value(), log::TopicSettings{});
  EXPECT_EQ(run({"topics"}), 0) << notes;
  EXPECT_THAT(text, Not(HasSubstr("SETTINGS")));
  EXPECT_THAT(text, HasSubstr("orders"));
}

TEST_F(TopicChangesProgram, add_partitions_when_no_handle_of_the_owner_is_open) {
  ASSERT_TRUE(orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}));
  EXPECT_EQ(run({"topics", "alter", "orders", "--partitions", "2"}), 1);
  EXPECT_THAT(notes, HasSubstr("[base.busy]"));
  EXPECT_THAT(notes, HasSubstr("stop the services that use it, or say --in-use"));
  EXPECT_EQ(run({"topics", "alter", "orders", "--partitions", "2", "--force"}), 1);
  EXPECT_EQ(run({"topics", "alter", "orders", "--partitions", "2", "--in-use"}), 0) << notes;
  EXPECT_EQ(orders->find_topic("orders")->spec.partitions, 2) << "a handle of before sees it";
  orders.reset();
  EXPECT_EQ(run({"topics", "alter", "orders", "-p", "3", "--set", "delete.retention.ms=5"}), 0)
      << notes;
  EXPECT_THAT(text, HasSubstr("delete.retention.ms    5"));
  EXPECT_THAT(text, HasSubstr("topic 'orders' has 3 partitions now, before 2"));
  EXPECT_EQ(run({"topics", "alter", "orders", "-p", "2", "--force"}), 1);
  EXPECT_THAT(notes, HasSubstr("none of them can be taken away"));
}

// The embedded log deletes commands after a week unless somebody says otherwise.
TEST_F(TopicChangesProgram, keep_commands_where_the_creation_says_so) {
  const auto create = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"topics", "create",   name,      "-p",    "1",
                                       "--kind", "commands", "--owner", "orders"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments));
  };
  const auto settings = [&](const std::string& name) {
    return orders->topic_settings(orders->find_topic(name).value().id).value();
  };
  EXPECT_EQ(create("orders.commands", {"--set", "cleanup.policy=keep"}), 0) << notes;
  EXPECT_THAT(text, HasSubstr("(created)"));
  EXPECT_EQ(settings("orders.commands"), log::TopicSettings{});
  EXPECT_EQ(create("orders.commands", {"--set", "cleanup.policy=keep"}), 0) << notes;
  EXPECT_THAT(text, HasSubstr("there already"));
  EXPECT_EQ(create("orders.returns", {}), 0) << notes;
  EXPECT_EQ(settings("orders.returns").retention_ms, 7LL * 24 * 3'600 * 1'000);
  EXPECT_EQ(create("orders.returns", {"--set", "cleanup.policy=keep"}), 1);
  EXPECT_THAT(notes, HasSubstr("cleanup.policy is delete and not keep"));
}

TEST_F(TopicChangesProgram, that_are_not_allowed_are_wrong_usage_and_one_line) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
      {{"topics", "alter", "orders"}, "--set"},
      {{"topics", "alter", "orders"}, "--partitions N"},
      {{"topics", "alter", "orders", "--partitions", "0"}, "'0'"},
      {{"topics", "alter", "orders", "--set", "retention.ms=1", "--force"}, "--partitions N"},
      {{"topics", "alter", "orders", "--set", "retention.ms"}, "NAME=VALUE"},
      {{"topics", "alter", "orders", "--set", "retention.ms=1d"}, "'1d'"},
      {{"topics", "alter", "orders", "--set", "retention.hours=1"}, "retention.ms"},
      {{"topics", "alter", "orders", "--unset", "age"}, "'age'"},
      {{"topics", "create", "orders", "--kind", "events", "--owner", "o"}, "--partitions"},
      {{"topics", "create", "orders", "-p", "0", "--kind", "events", "--owner", "o"}, "'0'"},
      {{"topics", "create", "orders", "-p", "1", "--kind", "facts", "--owner", "o"}, "facts"}};
  for (const auto& [arguments, part] : wrong) {
    EXPECT_EQ(run(arguments), 2) << part;
    EXPECT_THAT(notes, HasSubstr(part));
    EXPECT_THAT(lines_of(notes), testing::SizeIs(1)) << notes;
  }
  EXPECT_THAT(orders->topics().value(), ElementsAre());
}

TEST_F(TopicChangesProgram, that_do_not_go_together_change_nothing) {
  ASSERT_TRUE(orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}));
  EXPECT_EQ(run({"topics", "alter", "orders", "--set", "retention.ms=5"}), 1);
  EXPECT_THAT(notes, HasSubstr("cleanup.policy=keep"));
  EXPECT_THAT(notes, HasSubstr("[base.invalid_argument]"));
}

TEST_F(TopicChangesProgram, say_in_their_help_by_which_time_records_are_deleted) {
  for (const char* command : {"create", "alter"}) {
    EXPECT_EQ(run({"topics", command, "--help"}), 0);
    EXPECT_THAT(text, HasSubstr("Kafka deletes by the time"));
  }
}

}  // namespace
}  // namespace millrace::cli
