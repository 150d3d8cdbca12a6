// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "names.hpp"

#include <gtest/gtest.h>

#include "dead_letters.hpp"
#include "millrace/log/errors.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

TEST(FindTopic, answers_the_topic) {
  Shop shop;
  shop.topic("orders", "orders", log::TopicKind::events);
  const auto topic = find_topic(*shop.tool, "orders");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->spec.owner, "orders");
}

TEST(FindTopic, suggests_what_was_meant) {
  Shop shop;
  shop.topic("orders", "orders", log::TopicKind::events);
  const auto topic = find_topic(*shop.tool, "ordesr");
  ASSERT_FALSE(topic);
  EXPECT_TRUE(topic.error().is(log::errc::unknown_topic));
  EXPECT_EQ(topic.error().message(), "there is no topic 'ordesr': did you mean 'orders'?");
}

TEST(FindTopic, names_the_few_there_are) {
  Shop shop;
  shop.topic("orders", "orders", log::TopicKind::events);
  const auto topic = find_topic(*shop.tool, "something");
  ASSERT_FALSE(topic);
  EXPECT_NE(topic.error().message().find("there are orders"), std::string::npos);
}

TEST(FindReplays, that_the_log_does_not_say_are_an_error) {
  Shop shop;
  const auto none = find_replays(*shop.tool, "orders");
  ASSERT_TRUE(none) << none.error().to_string();
  EXPECT_TRUE(none->empty());
  shop.broker.kill_member(*shop.tool);
  // Letters that were replayed would be replayed again.
  EXPECT_FALSE(find_replays(*shop.tool, "orders"));
}

TEST(SortedTopics, leave_internal_ones_out_unless_asked) {
  Shop shop;
  shop.topic("b", "b", log::TopicKind::events);
  shop.topic("a", "a", log::TopicKind::private_topic);
  const auto topics = sorted_topics(*shop.tool, false);
  ASSERT_TRUE(topics);
  ASSERT_EQ(topics->size(), 2U);
  EXPECT_EQ((*topics)[0].spec.name, "a");
  EXPECT_TRUE(is_private((*topics)[0]));
  EXPECT_GE(sorted_topics(*shop.tool, true).value().size(), 2U);
}

}  // namespace
}  // namespace millrace::cli
