// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_simulation_topics.hpp"

#include <string>

namespace millrace::log {
namespace {

const std::string passing_name = "passing";
constexpr std::size_t passing_value_bytes = 400;

}  // namespace

void LogSimulationTopics::begin(std::uint64_t seed) {
  begun_.clear();
  deleted_.clear();
  lasting_.reset();
  lasting_records_ = 0;
  passing_sequence_ = 0;
  LogSimulationWorld::begin(seed);
}

void LogSimulationTopics::use_passing_topic(SimulatedMember& one) {
  auto topic = one.log->find_topic(passing_name);
  if (!topic && topic.error().is(errc::unknown_topic)) {
    topic = one.log->create_topic({passing_name, 1, TopicKind::events, "stock"});
  }
  if (!topic) {
    return expect_allowed(one, topic.error());
  }
  EXPECT_FALSE(deleted_.contains(topic->id)) << "a number was used again";
  if (chance(3)) {
    delete_passing(one, topic->id);
  } else {
    write_passing(one, {topic->id, partition(0)});
  }
}

void LogSimulationTopics::write_passing(SimulatedMember& one, TopicPartition partition) {
  Transaction transaction;
  const std::string value = std::to_string(partition.topic.value) + ":" +
                            std::to_string(++passing_sequence_) + ":" +
                            std::string(passing_value_bytes, 'x');
  transaction.append(partition, {0, "k", value, {}});
  const auto committed = one.log->commit(transaction);
  if (!committed) {
    return expect_allowed_for(one, partition.topic, committed.error());
  }
  if (!chance(2)) {
    return;
  }
  const Status durable = one.log->wait_durable(committed->position);
  if (!durable) {
    return expect_allowed(one, durable.error());
  }
  lasting_ = partition.topic;
  lasting_records_ = static_cast<std::size_t>(committed->partitions.front().first.value) + 1;
}

void LogSimulationTopics::delete_passing(SimulatedMember& one, TopicId topic) {
  lasting_.reset();
  begun_.insert(topic);
  const Status done = one.log->delete_topic(topic);
  if (!done) {
    return expect_allowed_for(one, topic, done.error());
  }
  deleted_.insert(topic);
  ++seen_.deletions;
}

/// The frame of a deletion may be written when its member dies: the next one to write publishes it.
void LogSimulationTopics::expect_allowed_for(const SimulatedMember& one, TopicId topic,
                                             const Error& error) {
  if (!error.is(errc::topic_replaced) || !begun_.contains(topic)) {
    expect_allowed(one, error);
  }
}

void LogSimulationTopics::check_passing_topic(Log& log) {
  for (const TopicId topic : deleted_) {
    const auto end = log.end_offset({topic, partition(0)});
    ASSERT_FALSE(end) << "topic " << topic.value << " is there again";
    ASSERT_TRUE(end.error().is(errc::topic_replaced)) << end.error().to_string();
  }
  const auto topic = log.find_topic(passing_name);
  if (!topic) {
    ASSERT_TRUE(topic.error().is(errc::unknown_topic)) << topic.error().to_string();
    ASSERT_FALSE(lasting_) << "topic " << lasting_->value << " is lost";
    return;
  }
  ASSERT_TRUE(!lasting_ || topic->id == *lasting_) << "another topic has the name";
  std::string problem;
  const auto found = read(log, {topic->id, partition(0)}, offset(0), 2'000, problem);
  ASSERT_EQ(problem, "");
  ASSERT_GE(found.size(), lasting_ ? lasting_records_ : 0) << "a record is lost";
  const std::string of_topic = std::to_string(topic->id.value) + ":";
  std::int64_t last = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string value = found[i].value.value_or("");
    ASSERT_EQ(found[i].offset, offset(static_cast<std::int64_t>(i)));
    ASSERT_TRUE(value.starts_with(of_topic)) << "a record of another topic: " << value;
    const std::int64_t sequence = std::stoll(value.substr(of_topic.size()));
    ASSERT_GT(sequence, last);
    last = sequence;
  }
}

}  // namespace millrace::log
