// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Topics that tools of the cluster delete, and create again, while handles use them. The proxy lets
// no requests through that name topics by their ids: behind it a handle is one of an older cluster.
#include <thread>

#include "cluster_topics.hpp"
#include "kafka_world.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "millrace/log/topic_position.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReplacedTopics : public KafkaWorld {
 protected:
  void replace(const std::string& topic) {
    topics_.remove(prefix() + "." + topic);
    topics_.make(prefix() + "." + topic);
  }
  static Result<Committed> put(Log& log, TopicPartition partition,
                               const std::vector<std::string>& values) {
    Transaction transaction;
    for (const std::string& value : values)
      transaction.append(partition, {1'000, "k", value, {}});
    return commit_visibly(log, transaction);
  }
  /// What a reader gets from there on, until it ends.
  static std::vector<std::string> read_to_end(Log& log, TopicPartition partition, Offset from,
                                              Error& ended) {
    std::vector<std::string> values;
    const auto waiter = log.waiter();
    for (;;) {
      FetchBuffer buffer;
      const Status fetched = log.fetch(partition, from, 1U << 20U, buffer);
      if (!fetched && !fetched.error().is(errc::unavailable)) {
        ended = fetched.error();
        return values;
      }
      for (const RecordView& record : buffer.records)
        values.emplace_back(record.value.value_or("null"));
      if (fetched) from = buffer.next;
      const Interest interest[] = {{partition, from}};
      static_cast<void>(waiter->wait(interest, real_clock().monotonic_ns() + 100'000'000));
    }
  }
  /// Until the handle is sure.
  static Error refusal_of(Log& log, TopicPartition partition) {
    for (;;) {
      const auto written = put(log, partition, {"late", "later"});
      EXPECT_FALSE(written.has_value());
      if (written || !written.error().is(errc::unavailable)) return written.error();
    }
  }

  testkit::KafkaProxy proxy_{address()};
  ClusterTopics topics_{url()};
};

TEST_F(ReplacedTopics, have_another_number_that_all_handles_agree_on) {
  std::uint64_t before = 0;
  {
    const auto log = open("first");
    const TopicPartition made = make_topic(*log, "t");
    before = stored_topic_id(*log, made.topic);
    EXPECT_NE(before, 0U);
    const auto other = open("other", proxy_.bootstrap());
    EXPECT_EQ(stored_topic_id(*other, other->find_topic("t").value().id), before);
    EXPECT_NE(stored_topic_id(*log, make_topic(*log, "another").topic), before);
    const auto listed = other->topics().value();
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(stored_topic_id(*other, listed.front().id), before);
  }
  const auto log = open("second");
  const Topic same = log->find_topic("t").value();
  EXPECT_EQ(stored_topic_id(*log, same.id), before) << "over a restart";
  const TopicPosition position = position_in(*log, same, {offset(0)});
  EXPECT_TRUE(check_position(*log, same, position));
  replace("t");
  const auto later = open("later");
  const Topic now = later->find_topic("t").value();
  EXPECT_NE(stored_topic_id(*later, now.id), before);
  EXPECT_NE(stored_topic_id(*later, now.id), 0U);
  EXPECT_TRUE(check_position(*later, now, position).error().is(errc::topic_replaced));
  TopicPosition of_an_earlier_build = position;
  of_an_earlier_build.topic_id = 0;
  EXPECT_TRUE(check_position(*later, now, of_an_earlier_build));
}

TEST_F(ReplacedTopics, end_their_readers_before_they_read_a_record_of_the_new_one) {
  const auto log = open("reader");
  const TopicPartition t = make_topic(*log, "t");
  ASSERT_TRUE(put(*log, t, {"1", "2"}));
  EXPECT_THAT(values(*log, t), ElementsAre("1", "2"));
  const Offset next = log->end_offset(t).value();
  replace("t");
  const auto writer = open("writer");
  const TopicPartition now{writer->find_topic("t").value().id, partition(0)};
  ASSERT_TRUE(put(*writer, now, {"a", "b", "c", "d", "e"}));
  Error ended{errc::closed, "not ended"};
  EXPECT_THAT(read_to_end(*log, t, next, ended), ElementsAre());
  EXPECT_TRUE(ended.is(errc::topic_replaced)) << ended.to_string();
  EXPECT_THAT(ended.message(), HasSubstr("'t'"));
  EXPECT_TRUE(log->end_offset(t).error().is(errc::topic_replaced));
  EXPECT_TRUE(put(*log, t, {"late"}).error().is(errc::topic_replaced));
  // The handle can use the new one, under another number.
  const Topic found = log->find_topic("t").value();
  EXPECT_NE(found.id, t.topic);
  EXPECT_THAT(values(*log, {found.id, partition(0)}), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(log->find_topic("t").value().id, found.id);
}

TEST_F(ReplacedTopics, that_are_gone_end_their_readers_too) {
  const auto log = open("reader", proxy_.bootstrap());
  const TopicPartition t = make_topic(*log, "t");
  ASSERT_TRUE(put(*log, t, {"1", "2"}));
  topics_.remove(prefix() + ".t");
  Error ended{errc::closed, "not ended"};
  read_to_end(*log, t, offset(2), ended);
  EXPECT_TRUE(ended.is(errc::topic_replaced)) << ended.to_string();
  EXPECT_TRUE(log->find_topic("t").error().is(errc::unknown_topic));
  const TopicPartition now = make_topic(*log, "t");
  EXPECT_NE(now.topic, t.topic);
  ASSERT_TRUE(put(*log, now, {"a"}));
  EXPECT_THAT(values(*log, now), ElementsAre("a"));
}

TEST_F(ReplacedTopics, get_no_position_of_the_one_of_before) {
  const auto log = open("mover", proxy_.bootstrap());
  const TopicPartition t = make_topic(*log, "t");
  ASSERT_TRUE(put(*log, t, {"1", "2"}));
  const GroupId group = log->group("g").value();
  const auto late = proxy_.add(
      {.api = testkit::KafkaApi::txn_offset_commit, .fault = testkit::KafkaFault::hold_request()});
  std::thread mover([&] {
    Transaction moves;
    moves.set_position(group, t, offset(2));
    const auto moved = log->commit(moves);
    EXPECT_TRUE(moved.has_value() || moved.error().is(errc::topic_replaced) ||
                moved.error().is(errc::unavailable))
        << moved.error().to_string();
  });
  EXPECT_TRUE(late.wait_until_held());
  const auto other = open("other");
  const Status deleted = other->delete_topic(other->find_topic("t").value().id);
  EXPECT_TRUE(deleted) << deleted.error().to_string();
  const TopicPartition now = make_topic(*other, "t");
  late.release();
  mover.join();
  EXPECT_EQ(other->position(other->group("g").value(), now).value(), std::nullopt);
  const auto groups = other->groups().value();
  for (const GroupInfo& one : groups)
    EXPECT_THAT(one.positions, testing::IsEmpty());
  // The next one counts.
  Transaction moves;
  moves.set_position(other->group("g").value(), now, offset(0));
  ASSERT_TRUE(commit_visibly(*other, moves));
  EXPECT_EQ(other->position(other->group("g").value(), now).value(), offset(0));
}

TEST_F(ReplacedTopics, get_nothing_that_was_meant_for_the_one_of_before) {
  for (const std::string& brokers : {address(), proxy_.bootstrap()}) {
    const auto log = open("writer", brokers);
    const TopicPartition t = make_topic(*log, "t");
    ASSERT_TRUE(put(*log, t, {"1", "2"}));
    replace("t");
    // The handle has looked a moment ago, so that it does not look before the first of these.
    const Error refused = refusal_of(*log, t);
    EXPECT_TRUE(refused.is(errc::topic_replaced)) << refused.to_string();
    EXPECT_THAT(refused.message(), HasSubstr("'t'"));
    const auto reader = open("reader");
    EXPECT_THAT(values(*reader, {reader->find_topic("t").value().id, partition(0)}), ElementsAre());
    const auto single = put(*log, t, {"late"});
    ASSERT_FALSE(single.has_value());
    EXPECT_TRUE(single.error().is(errc::topic_replaced)) << single.error().to_string();
  }
}

}  // namespace
}  // namespace millrace::log
