// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The program on a real cluster, whose address is in MILLRACE_TEST_KAFKA (tools/with_kafka). The
// tests of the commands' own functions run there too.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "kafka_log.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using log::TopicKind;

class CommandsOnKafka : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(shop.on_kafka()) << "run this by tools/with_kafka";
    shop.topic("orders", "orders", TopicKind::events);
    shop.topic("orders.state", "orders", TopicKind::private_topic);
    shop.publish({"orders", 1, "A1", "OrderPlaced", "e1", "", "c1", "{}", 2'000});
    shop.publish({"orders", 0, "A2", "OrderPlaced", "e2", "", "c2", "{}", 3'000});
    shop.publish({"orders", 1, "A3", "OrderPlaced", "e3", "", "c3", "{}", 4'000});
    shop.publish({"orders", 0, "A1", "OrderPacked", "e4", "e1", "c1", "{}", 4'500});
  }
  Outcome ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--log", shop.url()});
    return run(std::move(arguments));
  }
  Shop shop;
};

TEST_F(CommandsOnKafka, tail_merges_partitions_by_time_and_says_so) {
  const Outcome done = ask({"tail", "orders", "--from", "beginning"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 4U) << done.out;
  EXPECT_TRUE(lines[0].starts_with("orders-1:0 ")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("orders-0:0 ")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("orders-1:1 ")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("orders-0:1 ")) << lines[3];
  EXPECT_NE(done.notes.find("merged by time"), std::string::npos) << done.notes;
}

TEST_F(CommandsOnKafka, tail_of_one_partition_has_nothing_to_say_of_order) {
  const Outcome done = ask({"tail", "orders", "-p", "1", "--json"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  EXPECT_EQ(lines_of(done.out).size(), 2U);
  EXPECT_EQ(done.notes, "");
  EXPECT_EQ(done.out.find("\"position\""), std::string::npos) << done.out;
}

TEST_F(CommandsOnKafka, the_last_records_are_found_between_marks_of_transactions) {
  log::Log& orders = shop.service("orders");
  const auto topic = orders.find_topic("orders");
  ASSERT_TRUE(topic);
  // Two partitions at a time, so that each commit leaves a mark in both.
  for (int i = 0; i < 20; ++i) {
    log::Transaction transaction;
    const std::string key = "K" + std::to_string(i);
    for (const int p : {0, 1})
      transaction.append({topic->id, log::partition(p)}, {5'000 + i, key, "{}", {}});
    const auto done = orders.commit(transaction);
    ASSERT_TRUE(done);
    ASSERT_TRUE(orders.wait_visible(*done, std::numeric_limits<std::int64_t>::max()));
  }
  const Outcome done = ask({"tail", "orders", "-p", "0", "-n", "15"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 15U) << done.out;
  EXPECT_NE(lines.front().find("K5 "), std::string::npos) << lines.front();
  EXPECT_NE(lines.back().find("K19 "), std::string::npos) << lines.back();
}

TEST_F(CommandsOnKafka, trace_tells_causes_first) {
  const Outcome done = ask({"trace", "A1"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 3U) << done.out;
  EXPECT_NE(lines[0].find("causes first"), std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("1  OrderPlaced")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("2  └─ OrderPacked")) << lines[2];
}

TEST_F(CommandsOnKafka, topics_and_groups_are_listed) {
  const Outcome topics = ask({"topics", "--all", "--names"});
  EXPECT_EQ(topics.out, "orders\norders.state\n") << topics.notes;
  const Outcome groups = ask({"groups"});
  EXPECT_EQ(groups.exit_code, 0) << groups.notes;
  EXPECT_EQ(groups.out, "there are no groups yet\n");
}

TEST_F(CommandsOnKafka, a_topic_is_deleted_and_its_name_is_free) {
  const auto old = shop.service("orders").find_topic("orders").value();
  const Outcome asked = ask({"topics", "delete", "orders"});
  EXPECT_NE(asked.exit_code, 0) << asked.out;
  EXPECT_NE(asked.notes.find("--yes"), std::string::npos) << asked.notes;
  const Outcome done = ask({"topics", "delete", "orders", "--yes"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  EXPECT_TRUE(done.out.starts_with("topic 'orders' (events of 'orders', 2 partitions, "))
      << done.out;
  EXPECT_EQ(ask({"topics", "--names"}).out.find("orders\n"), std::string::npos);
  EXPECT_NE(ask({"topics", "delete", "orders", "--yes"}).exit_code, 0) << "there is none";
  log::Log& orders = shop.service("orders");
  ASSERT_TRUE(orders.maintain());
  const auto now = orders.create_topic({"orders", 1, TopicKind::events, "orders"});
  ASSERT_TRUE(now) << now.error().to_string();
  EXPECT_NE(now->id, old.id);
  EXPECT_EQ(orders.end_offset({now->id, log::partition(0)}).value(), log::offset(0));
}

TEST_F(CommandsOnKafka, an_unknown_topic_suggests_what_was_meant) {
  const Outcome done = ask({"tail", "order"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.notes.find("did you mean 'orders'?"), std::string::npos) << done.notes;
}

TEST_F(CommandsOnKafka, a_prefix_that_nobody_used_is_named_and_nothing_is_made_there) {
  std::string url = shop.url();
  url.replace(url.find("/shop-"), 6, "/nobody-");
  for (int i = 0; i < 2; ++i) {
    const Outcome done = run({"topics", "--log", url});
    EXPECT_EQ(done.exit_code, 1);
    EXPECT_NE(done.notes.find(".__millrace: no system has run there"), std::string::npos)
        << done.notes;
    EXPECT_NE(done.notes.find("[base.not_found]"), std::string::npos) << done.notes;
  }
}

class ResetOnKafka : public CommandsOnKafka {
 protected:
  explicit ResetOnKafka(std::int64_t session_timeout_ms = log::LogOptions{}.session_timeout_ms) {
    log::LogOptions options;
    options.service = "orders";
    options.member = "orders-1";
    options.session_timeout_ms = session_timeout_ms;
    log = shop.connect(options);
    const auto group = log->group("orders/main");
    if (group) membership = log->join(*group, {"main/0"}).value_or(nullptr);
  }
  std::unique_ptr<log::Log> log;
  std::unique_ptr<log::Membership> membership;
};

// It has no manifest, so all of it is reset.
TEST_F(ResetOnKafka, a_topology_whose_only_process_died_is_reset) {
  ASSERT_NE(membership, nullptr);
  log::kafka::abandon(*log);
  const Outcome done = ask({"topology", "reset", "orders"});
  EXPECT_EQ(done.exit_code, 0) << done.notes;
}

TEST_F(ResetOnKafka, a_migration_waits_for_a_process_that_died) {
  ASSERT_NE(membership, nullptr);
  log::kafka::abandon(*log);
  const std::string file = testing::TempDir() + "orders-description.json";
  std::ofstream(file) << R"({"service":"orders","manifest":{"version":1,"revision":1,)"
                         R"("plan_version":1,"parts":[],"channels":[]}})";
  const Outcome asked = ask({"topology", "migrate", file});
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_NE(asked.notes.find("the log has no topology of a service orders"), std::string::npos)
      << asked.notes;
}

/// One that may not get to run for a while and lives all the same.
class ResetOfTheLiving : public ResetOnKafka {
 protected:
  ResetOfTheLiving() : ResetOnKafka(60'000) {}
};

TEST_F(ResetOfTheLiving, a_topology_with_a_process_that_lives_is_not_reset) {
  ASSERT_NE(membership, nullptr);
  std::atomic<bool> done = false;
  std::thread lives([&] {
    const auto waiter = log->waiter();
    while (!done) {
      EXPECT_TRUE(membership->poll());
      static_cast<void>(waiter->wait({}, real_clock().monotonic_ns() + 100'000'000));
    }
  });
  const Outcome refused = ask({"topology", "reset", "orders"});
  done = true;
  lives.join();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.notes.find("orders-1 of group orders/main lives"), std::string::npos)
      << refused.notes;
}

TEST_F(CommandsOnKafka, a_secret_in_the_url_is_not_shown) {
  const std::string url = shop.url() + "&sasl.password=geheim&no.such.setting=1";
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"topics"}, {"log", "stat"}, {"copy", url, "file:nowhere"}}) {
    arguments.insert(arguments.end(), {"--log", url});
    const Outcome done = run(std::move(arguments));
    EXPECT_NE(done.exit_code, 0);
    EXPECT_EQ(done.notes.find("geheim"), std::string::npos) << done.notes;
  }
}

}  // namespace
}  // namespace millrace::cli
