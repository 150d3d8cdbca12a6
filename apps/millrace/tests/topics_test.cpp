// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "commands/commands.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

class Topics : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", log::TopicKind::events);
    shop.topic("orders.state", "orders", log::TopicKind::private_topic);
    shop.publish({"orders", 0, "k", "Happened", "e1", "", "c"});
    shop.publish({"orders", 1, "k", "Happened", "e2", "", "c"});
  }
  std::vector<std::string> lines(const TopicsOptions& options) {
    Screen screen;
    EXPECT_TRUE(show_topics(*shop.tool, options, screen.out));
    return lines_of(screen.text);
  }
  Shop shop;
};

TEST_F(Topics, are_a_table_that_says_what_it_leaves_out) {
  std::vector<std::string> expected{"TOPIC   KIND    OWNER   PARTITIONS  CLEANUP  RECORDS",
                                    "orders  events  orders           2  keep           2"};
  if (shop.on_kafka()) expected.emplace_back("(RECORDS counts the marks of transactions too)");
  expected.emplace_back("(1 private topic left out: --all)");
  EXPECT_EQ(lines({}), expected);
}

TEST_F(Topics, are_all_of_them_when_asked) {
  TopicsOptions options;
  options.all = true;
  options.names = true;
  const auto names = lines(options);
  EXPECT_NE(std::find(names.begin(), names.end(), "orders.state"), names.end());
}

TEST_F(Topics, are_json_lines_when_asked) {
  TopicsOptions options;
  options.json = true;
  EXPECT_EQ(lines(options),
            std::vector<std::string>{
                R"({"name":"orders","kind":"events","owner":"orders","partitions":2,)"
                R"("cleanup":"keep","records":2})"});
}

}  // namespace
}  // namespace millrace::cli
