// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "commands/commands.hpp"
#include "millrace/log/library_topics.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

class Groups : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", log::TopicKind::events);
    for (int i = 0; i < 3; ++i)
      shop.publish({"orders", 0, "k", "Happened", "e", "", "c"});
    log::Log& stock = shop.service("stock");
    group = *stock.group("stock");
    membership = *stock.join(group, {"stock/0"});
    ASSERT_TRUE(membership->poll());
    log::Transaction transaction;
    transaction.set_position(group, {shop.tool->find_topic("orders")->id, log::partition(0)},
                             log::offset(1));
    ASSERT_TRUE(stock.commit(transaction));
    // On Kafka a position can be listed a moment after its commit was acknowledged; this waits.
    ASSERT_TRUE(
        stock.position(group, {stock.find_topic("orders")->id, log::partition(0)}).has_value());
  }
  Shop shop;
  log::GroupId group;
  std::unique_ptr<log::Membership> membership;
};

TEST_F(Groups, show_members_claims_and_lag) {
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock"}, screen.out));
  const auto lines = lines_of(screen.text);
  ASSERT_EQ(lines.size(), shop.on_kafka() ? 8U : 7U) << screen.text;
  EXPECT_EQ(lines[0], "group stock: 1 member, 1 of 1 task owned, lag 2");
  EXPECT_TRUE(lines[2].starts_with("  stock ")) << lines[2];
  EXPECT_TRUE(lines[4].starts_with("  stock/0  stock ")) << lines[4];
  EXPECT_EQ(lines[5], "  TOPIC   PARTITION  POSITION  END  LAG");
  EXPECT_EQ(lines[6], "  orders          0         1    3    2");
  if (shop.on_kafka()) {
    EXPECT_NE(lines[7].find("may be nothing"), std::string::npos);
  }
}

TEST_F(Groups, are_a_line_each_unless_one_is_named) {
  ASSERT_TRUE(shop.service("stock").group("stock/gatherer"));
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {}, screen.out));
  const auto lines = lines_of(screen.text);
  ASSERT_GE(lines.size(), 4U) << screen.text;
  EXPECT_EQ(lines[0], "GROUP           MEMBERS  TASKS  OWNED  LAG");
  EXPECT_EQ(lines[1], "stock                 1      1      1    2");
  EXPECT_EQ(lines[2], "stock/gatherer        0      0      0    -") << "it has no position yet";
  EXPECT_EQ(lines[3], "(2 groups, lag 2 in all; details: millrace groups NAME, or --all)");
}

TEST_F(Groups, are_all_in_detail_when_asked) {
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = {}, .json = false, .all = true}, screen.out));
  EXPECT_TRUE(screen.text.starts_with("group stock: 1 member")) << screen.text;
}

TEST_F(Groups, are_json_lines_when_asked) {
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock", .json = true}, screen.out));
  EXPECT_TRUE(is_json(screen.text)) << screen.text;
  EXPECT_NE(screen.text.find("\"positions\":[{\"topic\":\"orders\",\"partition\":0,\"position\":1,"
                             "\"end\":3,\"lag\":2}]"),
            std::string::npos)
      << screen.text;
}

TEST_F(Groups, without_a_position_have_no_lag) {
  ASSERT_TRUE(shop.service("stock").group("stock/gatherer"));
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock/gatherer", .json = true}, screen.out));
  EXPECT_TRUE(screen.text.starts_with("{\"group\":\"stock/gatherer\",\"lag\":null,"))
      << screen.text;
}

TEST_F(Groups, of_a_service_are_found_by_its_name) {
  ASSERT_TRUE(shop.service("stock").group("stock/gatherer"));
  ASSERT_TRUE(shop.service("stock").group("stocktaking"));
  Screen screen;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock", .json = true}, screen.out));
  EXPECT_EQ(lines_of(screen.text).size(), 2U) << screen.text;
}

TEST_F(Groups, that_read_a_topic_no_more_have_ended_and_have_no_lag) {
  log::Log& stock = shop.service("stock");
  const log::TopicPartition partition{stock.find_topic("orders")->id, log::partition(0)};
  log::Transaction transaction;
  transaction.set_position(group, partition, log::reads_no_more);
  ASSERT_TRUE(stock.commit(transaction));
  ASSERT_TRUE(stock.position(group, partition).has_value());
  Screen text;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock"}, text.out));
  EXPECT_NE(text.text.find("  orders          0  (ended)     3    0"), std::string::npos)
      << text.text;
  Screen json;
  ASSERT_TRUE(show_groups(*shop.tool, {.name = "stock", .json = true}, json.out));
  EXPECT_NE(json.text.find("\"position\":null,\"end\":3,\"lag\":0}"), std::string::npos)
      << json.text;
}

TEST_F(Groups, that_do_not_exist_are_an_error_with_a_suggestion) {
  Screen screen;
  const Status done = show_groups(*shop.tool, {.name = "stok"}, screen.out);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("did you mean 'stock'?"), std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
