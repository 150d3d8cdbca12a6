// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::HasSubstr;

TEST(DeclaredTopics, a_declared_topic_is_made_and_read_with_the_partitions_of_the_builder) {
  TopologyBuilder builder("shop", 7);
  builder.declare_topic("shop.commands", log::TopicKind::commands);
  builder.stream<string, Placed>("shop.commands").group_by_key().count("counts");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(plan->own_topics(), testing::Contains(log::TopicSpec{
                                      "shop.commands", 7, log::TopicKind::commands, "shop"}));
  EXPECT_EQ(plan->sub_topologies().front().partitions, 7);
}

TEST(DeclaredTopics, a_declared_topic_is_one_that_others_write) {
  TopologyBuilder builder("shop");
  builder.declare_topic("orders", log::TopicKind::events);
  builder.declare_topic("own", log::TopicKind::private_topic);
  builder.stream<string, Placed>("requests").to("orders");
  const auto own = builder.build();
  ASSERT_FALSE(own);
  EXPECT_THAT(own.error().message(), HasSubstr("topic 'own' is declared as a private topic"));

  TopologyBuilder both("shop");
  both.declare_topic("orders", log::TopicKind::events);
  both.stream<string, Placed>("requests").to("orders");
  const auto written = both.build();
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("topic 'orders' would be both a topic it writes "
                                                   "and a topic that others write"));
}

TEST(DeclaredTopics, a_topic_is_declared_with_one_kind) {
  TopologyBuilder twice("shop");
  twice.declare_topic("requests", log::TopicKind::events);
  twice.declare_topic("requests", log::TopicKind::commands);
  twice.stream<string, Placed>("requests").to("orders");
  const auto kinds = twice.build();
  ASSERT_FALSE(kinds);
  EXPECT_THAT(kinds.error().message(), HasSubstr("topic 'requests' is declared twice, once as "
                                                 "events and once as commands"));
}

}  // namespace
}  // namespace millrace::stream::test
