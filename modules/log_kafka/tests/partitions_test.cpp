// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Partitions that are added to a topic in two steps, first in the cluster and then in the state.
#include "kafka_parts.hpp"
#include "kafka_world.hpp"

namespace millrace::log {
namespace {

using testing::HasSubstr;

class KafkaPartitions : public KafkaWorld {
 protected:
  static TopicSpec spec(std::int32_t partitions, TopicKind kind = TopicKind::events) {
    return {"t", partitions, kind, "stock"};
  }
  /// As a member does it that dies before the second step.
  void add_in_cluster(std::int32_t total) {
    const Status added = KafkaParts(url(), options_of("died")).add_in_cluster("t", total);
    ASSERT_TRUE(added) << added.error().to_string();
  }
  std::unique_ptr<Log> maker_ = open("maker");
};

TEST_F(KafkaPartitions, that_only_the_cluster_has_stop_nobody_and_are_completed_by_the_same_call) {
  const auto made = maker_->create_topic(spec(1));
  ASSERT_TRUE(made) << made.error().to_string();
  add_in_cluster(3);

  const auto starts = open("starts");
  const auto found = starts->create_topic(spec(1));
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(found->spec.partitions, 1);
  const auto more = starts->create_topic(spec(3));
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message(), HasSubstr("`millrace topics alter t --partitions 3`"));

  const auto fewer = starts->add_partitions(made->id, 2);
  ASSERT_FALSE(fewer);
  EXPECT_TRUE(fewer.error().is(errc::invalid_argument)) << fewer.error().to_string();
  EXPECT_THAT(fewer.error().message(), HasSubstr("has 3 partitions already"));
  const auto same = starts->add_partitions(made->id, 1);
  EXPECT_TRUE(same) << same.error().to_string();
  const auto completed = starts->add_partitions(made->id, 3);
  ASSERT_TRUE(completed) << completed.error().to_string();
  Transaction transaction;
  const TopicPartition added{made->id, partition(2)};
  transaction.append(added, {0, "k", "v", {}});
  ASSERT_TRUE(commit_visibly(*maker_, transaction));
  EXPECT_THAT(values(*starts, added), testing::ElementsAre("v"));
}

TEST_F(KafkaPartitions, that_the_cluster_has_beyond_those_of_a_private_topic_are_refused) {
  ASSERT_TRUE(maker_->create_topic(spec(1, TopicKind::private_topic)));
  add_in_cluster(3);
  const auto refused = open("starts")->create_topic(spec(1, TopicKind::private_topic));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::topic_mismatch)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("has 3 partitions, asked for were 1"));
}

// A topic that nobody has in the state may be another system's.
TEST_F(KafkaPartitions, of_a_topic_of_the_cluster_are_as_many_as_are_asked_for) {
  KafkaParts parts(url(), options_of("tool"));
  ASSERT_TRUE(parts.create_in_cluster("t", 3));
  const auto refused = maker_->create_topic(spec(1));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::topic_mismatch)) << refused.error().to_string();
}

TEST_F(KafkaPartitions, that_are_there_already_are_asked_for_again_without_harm) {
  ASSERT_TRUE(maker_->create_topic(spec(2)));
  add_in_cluster(4);
  // The brokers refuse both.
  add_in_cluster(4);
  add_in_cluster(3);
  EXPECT_EQ(maker_->add_partitions(maker_->find_topic("t")->id, 4).value().spec.partitions, 4);
}

}  // namespace
}  // namespace millrace::log
