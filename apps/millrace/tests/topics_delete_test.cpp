// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "commands/commands.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/stream/manifest.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

using testing::HasSubstr;

class TopicDeletions : public testing::Test {
 protected:
  void SetUp() override {
    log::LogOptions options;
    options.service = log::any_service;
    writer = shop.connect(std::move(options));
    shop.topic("orders", "orders", log::TopicKind::events);
    shop.publish({"orders", 0, "k", "Placed", "o1", "", "o1"});
    shop.publish({"orders", 1, "k", "Placed", "o2", "", "o2"});
  }
  Result<std::string> remove(const DeleteTopicOptions& options, bool confirmed = false) {
    asked.clear();
    const DeleteTopicChecks checks{[&](const log::Topic&) { return in_use; },
                                   [&](const std::string& question) {
                                     asked = question;
                                     return confirmed;
                                   }};
    Screen screen;
    MILLRACE_TRY(delete_topic(*writer, options, checks, screen.out));
    return screen.text;
  }
  [[nodiscard]] bool is_there() { return shop.service("orders").find_topic("orders").has_value(); }

  Shop shop;
  std::unique_ptr<log::Log> writer;
  Status in_use;
  std::string asked;
};

TEST_F(TopicDeletions, ask_before_and_say_what_is_lost) {
  const auto refused = remove({.topic = "orders"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("--yes"));
  EXPECT_EQ(asked, "Delete topic 'orders' (events of 'orders', 2 partitions, 2 records)?");
  EXPECT_TRUE(is_there());
  const auto deleted = remove({.topic = "orders"}, true);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  EXPECT_EQ(*deleted, "topic 'orders' (events of 'orders', 2 partitions, 2 records) deleted\n");
  EXPECT_FALSE(is_there());
}

TEST_F(TopicDeletions, are_made_without_a_question_where_a_script_says_so) {
  const auto json = remove({.topic = "orders", .yes = true, .json = true});
  ASSERT_TRUE(json) << json.error().to_string();
  EXPECT_EQ(*json,
            R"({"name":"orders","kind":"events","owner":"orders","partitions":2,"records":2,)"
            R"("dry_run":false})"
            "\n");
  EXPECT_EQ(asked, "");
  EXPECT_FALSE(is_there());
}

TEST_F(TopicDeletions, can_be_tried) {
  const auto text = remove({.topic = "orders", .dry_run = true});
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_THAT(*text, HasSubstr("would be deleted"));
  EXPECT_EQ(asked, "");
  EXPECT_TRUE(is_there());
}

TEST_F(TopicDeletions, wait_for_the_services_that_use_the_topic_unless_forced) {
  in_use = fail(errc::busy, "a test uses it");
  for (const bool dry_run : {false, true}) {
    EXPECT_TRUE(
        remove({.topic = "orders", .yes = true, .dry_run = dry_run}).error().is(errc::busy));
  }
  EXPECT_TRUE(is_there());
  EXPECT_TRUE(remove({.topic = "orders", .yes = true, .force = true}));
  EXPECT_FALSE(is_there());
}

TEST_F(TopicDeletions, of_what_is_not_there_or_has_to_stay_are_refused) {
  const auto typo = remove({.topic = "order", .yes = true});
  ASSERT_FALSE(typo);
  EXPECT_THAT(typo.error().message(), HasSubstr("did you mean 'orders'?"));
  ASSERT_TRUE(writer->create_topic(
      {"orders.left.changelog", 1, log::TopicKind::private_topic, "orders"}, log::compacted()));
  const auto state = remove({.topic = "orders.left.changelog", .yes = true, .dry_run = true});
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message(), HasSubstr("holds the state of service 'orders'"));
}

TEST_F(TopicDeletions, of_what_a_service_writes_for_itself_wait_until_it_has_read_that) {
  const std::string name = "orders.by-item.repartition";
  shop.topic(name, "orders", log::TopicKind::private_topic);
  for (const char* const value : {"1", "2"})
    shop.keep(name, 0, "k", "o1", "", value);
  log::Log& orders = shop.service("orders");
  const log::TopicPartition partition{orders.find_topic(name).value().id, log::partition(0)};
  const auto expect_refused = [&](const char* unread) {
    const auto refused = remove({.topic = name, .yes = true, .dry_run = true});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::busy));
    EXPECT_THAT(refused.error().message(), HasSubstr(unread));
    EXPECT_THAT(refused.error().message(), HasSubstr("`millrace topology reset orders`"));
  };
  expect_refused("2 records");
  for (const auto& [group, next] : {std::pair{"orders/fast", 2}, std::pair{"orders/slow", 1}}) {
    log::Transaction moves;
    moves.set_position(orders.group(group).value(), partition, log::offset(next));
    ASSERT_TRUE(orders.commit(moves));
  }
  expect_refused("1 record ");
  log::Transaction moves;
  moves.set_position(orders.group("orders/slow").value(), partition, log::reads_no_more);
  ASSERT_TRUE(orders.commit(moves));
  EXPECT_TRUE(remove({.topic = name, .yes = true}));
  EXPECT_FALSE(orders.find_topic(name));
}

// A part that was removed reads no more, and keeps the position that it had.
TEST_F(TopicDeletions, of_what_only_a_removed_part_has_not_read_are_made) {
  const std::string name = "orders.by-item.repartition";
  shop.topic(name, "orders", log::TopicKind::private_topic);
  shop.keep(name, 0, "k", "o1", "", "1");
  log::Log& orders = shop.service("orders");
  const log::TopicPartition partition{orders.find_topic(name).value().id, log::partition(0)};
  log::Transaction moves;
  moves.set_position(orders.group("orders/was").value(), partition, log::offset(0));
  ASSERT_TRUE(orders.commit(moves));
  stream::Manifest manifest;
  manifest.version = manifest.revision = manifest.plan_version = 1;
  for (const char* const part : {"was", "is"}) {
    manifest.parts.emplace_back();
    manifest.parts.back().number = static_cast<std::int64_t>(manifest.parts.size());
    manifest.parts.back().name = part;
    manifest.parts.back().state = part == std::string("is") ? "live" : "removed";
    manifest.parts.back().sources = {name};
  }
  ASSERT_TRUE(stream::write_manifest(orders, "orders", manifest, {}));
  EXPECT_TRUE(remove({.topic = name, .yes = true, .dry_run = true}).error().is(errc::busy))
      << "the part that is there has read nothing";
  ++manifest.revision;
  manifest.parts.back().sources.clear();
  ASSERT_TRUE(stream::write_manifest(orders, "orders", manifest, {}));
  const auto deleted = remove({.topic = name, .yes = true});
  EXPECT_TRUE(deleted) << deleted.error().to_string();
}

TEST_F(TopicDeletions, of_replays_that_were_not_read_have_to_be_forced) {
  shop.topic("orders.retry", "orders", log::TopicKind::commands);
  shop.publish({"orders.retry", 1, "k", "Placed", "o3", "", "o3"});
  EXPECT_TRUE(remove({.topic = "orders.retry", .yes = true}).error().is(errc::busy));
  EXPECT_TRUE(remove({.topic = "orders.retry", .yes = true, .force = true}));
}

// The command line on a log of its own.
class TopicDeletionsProgram : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/millrace_cli_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root = path;
    log::register_embedded();
    orders = open_as("orders");
    ASSERT_NE(orders, nullptr);
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
  std::unique_ptr<log::Log> open_as(const std::string& service) {
    log::LogOptions options;
    options.service = service;
    options.member = service + "-1";
    // No test waits for its end, whatever the machine has to do beside.
    options.session_timeout_ms = 10'000;
    auto opened = log::open_embedded(root + "/log", environment, options, {.force = true});
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? *std::move(opened) : nullptr;
  }
  /// While a member of the group lives.
  int run_beside(log::Log& log, const std::string& group, std::vector<std::string> arguments) {
    auto membership = log.join(log.group(group).value(), {"0_0"});
    EXPECT_TRUE(membership && (*membership)->poll());
    std::atomic<bool> done = false;
    std::thread lives([&] {
      const auto waiter = log.waiter();
      while (!done) {
        EXPECT_TRUE(log.maintain());
        EXPECT_TRUE((*membership)->poll());
        static_cast<void>(waiter->wait({}, real_clock().monotonic_ns() + 20'000'000));
      }
    });
    const int code = run(std::move(arguments));
    done = true;
    lives.join();
    return code;
  }

  std::string root;
  std::string text;
  std::string notes;
  SeededRandom random{3};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  std::unique_ptr<log::Log> orders;
};

TEST_F(TopicDeletionsProgram, name_the_member_of_the_owner) {
  const log::Topic topic =
      orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}).value();
  EXPECT_EQ(run_beside(*orders, "orders/main", {"topics", "delete", "orders", "--yes"}), 1);
  EXPECT_THAT(notes, HasSubstr("orders-1"));
  EXPECT_THAT(notes, HasSubstr("--force"));
  EXPECT_TRUE(orders->find_topic("orders"));
  orders.reset();
  EXPECT_EQ(run({"topics", "delete", "orders", "--yes"}), 0) << notes;
  orders = open_as("orders");
  EXPECT_FALSE(orders->find_topic("orders"));
  EXPECT_TRUE(
      orders->end_offset({topic.id, log::partition(0)}).error().is(log::errc::topic_replaced));
  EXPECT_EQ(run({"topics", "create", "orders", "-p", "2", "--kind", "events", "--owner", "orders"}),
            0)
      << notes;
  EXPECT_NE(orders->find_topic("orders").value().id, topic.id);
}

// It may only append.
TEST_F(TopicDeletionsProgram, name_a_handle_of_the_owner_that_is_in_no_group) {
  ASSERT_TRUE(orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}));
  EXPECT_EQ(run({"topics", "delete", "orders", "--yes"}), 1);
  EXPECT_THAT(notes, HasSubstr("member orders-1 of service 'orders'"));
  EXPECT_TRUE(orders->find_topic("orders"));
  EXPECT_EQ(run({"topics", "delete", "orders", "--yes", "--force"}), 0) << notes;
  EXPECT_FALSE(orders->find_topic("orders"));
}

TEST_F(TopicDeletionsProgram, of_commands_name_each_service_that_may_send_some) {
  ASSERT_TRUE(orders->create_topic({"orders.commands", 1, log::TopicKind::commands, "orders"}));
  orders.reset();
  auto shop = open_as("shop");
  EXPECT_EQ(run({"topics", "delete", "orders.commands", "--yes"}), 1);
  EXPECT_THAT(notes, HasSubstr("member shop-1 of service 'shop'"));
  shop.reset();
  EXPECT_EQ(run({"topics", "delete", "orders.commands", "--yes"}), 0) << notes;
}

// It may have read nothing yet.
TEST_F(TopicDeletionsProgram, name_the_member_that_reads_the_topic_by_its_manifest) {
  ASSERT_TRUE(orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}));
  orders.reset();
  const auto shop = open_as("shop");
  stream::Manifest manifest;
  manifest.version = manifest.revision = manifest.plan_version = 1;
  stream::Manifest::Part& part = manifest.parts.emplace_back();
  part.number = 1;
  part.name = "left";
  part.state = "live";
  part.sources = {"orders"};
  ASSERT_TRUE(stream::write_manifest(*shop, "shop", manifest, {}));
  EXPECT_EQ(run_beside(*shop, "shop/other", {"topics", "delete", "orders", "--dry-run"}), 0);
  EXPECT_EQ(run_beside(*shop, "shop/left", {"topics", "delete", "orders", "--dry-run"}), 1);
  EXPECT_THAT(notes, HasSubstr("shop-1"));
  EXPECT_EQ(run_beside(*shop, "shop/left", {"topics", "delete", "orders", "--dry-run", "--force"}),
            0)
      << notes;
  EXPECT_TRUE(shop->find_topic("orders"));
}

TEST_F(TopicDeletionsProgram, name_the_member_of_a_group_that_has_a_position_in_the_topic) {
  const log::Topic topic =
      orders->create_topic({"orders", 1, log::TopicKind::events, "orders"}).value();
  const auto reader = open_as("reader");
  log::Transaction moves;
  moves.set_position(reader->group("readers").value(), {topic.id, log::partition(0)},
                     log::offset(0));
  ASSERT_TRUE(reader->commit(moves));
  EXPECT_EQ(run_beside(*reader, "readers", {"topics", "delete", "orders", "--yes"}), 1);
  EXPECT_THAT(notes, HasSubstr("reader-1"));
  EXPECT_TRUE(orders->find_topic("orders"));
}

TEST_F(TopicDeletionsProgram, delete_no_topic_of_the_library) {
  log::LogOptions options;
  options.service = log::any_service;
  auto tool = log::open_embedded(root + "/log", environment, options, {.force = true});
  ASSERT_TRUE(tool) << tool.error().to_string();
  ASSERT_TRUE((*tool)->create_topic(
      {"__millrace.notes", 1, log::TopicKind::commands, std::string(log::library_service)}));
  EXPECT_EQ(run({"topics", "delete", "__millrace.notes", "--yes", "--force"}), 1);
  EXPECT_THAT(notes, HasSubstr("one of the log itself"));
  EXPECT_TRUE((*tool)->find_topic("__millrace.notes"));
}

}  // namespace
}  // namespace millrace::cli
