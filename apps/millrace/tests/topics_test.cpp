// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>

#include "commands/commands.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

class Topics : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", log::TopicKind::events);
    shop.topic("orders.state", "orders", log::TopicKind::private_topic);
    shop.topic("orders.retry", "orders", log::TopicKind::commands);
    shop.topic("orders.dead-letters", "orders", log::TopicKind::events);
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
  expected.emplace_back(
      "(1 private topic and 2 empty topics for retries and dead letters left out: --all)");
  if (shop.on_kafka()) expected.emplace_back("(RECORDS counts the transaction markers too)");
  EXPECT_EQ(lines({}), expected);
}

TEST_F(Topics, with_dead_letters_are_shown) {
  shop.publish({"orders.dead-letters", 0, "k", "Happened", "e3", "", "c"});
  const auto shown = lines({});
  EXPECT_TRUE(std::any_of(shown.begin(), shown.end(), [](const std::string& one) {
    return one.starts_with("orders.dead-letters ");
  }));
}

TEST_F(Topics, are_cut_to_the_width_of_a_terminal) {
  Screen screen;
  Output terminal(screen.text, 30);
  ASSERT_TRUE(show_topics(*shop.tool, {}, terminal));
  for (const std::string& line : lines_of(screen.text)) {
    if (!line.starts_with('(')) {
      EXPECT_LE(display_width(line), 30U) << line;
    }
  }
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
  const auto shown = lines(options);
  ASSERT_EQ(shown.size(), 3U) << "empty ones too";
  EXPECT_EQ(shown.front(), R"({"name":"orders","kind":"events","owner":"orders","partitions":2,)"
                           R"("records":2,"settings":{"cleanup.policy":"keep",)"
                           R"("retention.ms":-1,"retention.bytes":-1,"min.compaction.lag.ms":0,)"
                           R"("delete.retention.ms":604800000,"segment.bytes":1073741824}})");
}

}  // namespace
}  // namespace millrace::cli
