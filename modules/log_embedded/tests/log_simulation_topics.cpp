// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_simulation_topics.hpp"

#include <algorithm>
#include <string>

namespace millrace::log {
namespace {

const std::string passing_name = "passing";
constexpr std::size_t passing_value_bytes = 400;
constexpr std::int32_t passing_partitions_added_max = 2;
constexpr std::int32_t many_partitions = 6;

std::string begin_of_value(TopicPartition partition) {
  return std::to_string(partition.topic.value) + "/" + std::to_string(partition.partition.value) +
         ":";
}

}  // namespace

void LogSimulationTopics::begin(std::uint64_t seed) {
  begun_.clear();
  deleted_.clear();
  lasting_.reset();
  passing_sequence_ = 0;
  passing_partitions_ = seed % 2 == 0 ? many_partitions : 1;
  LogSimulationWorld::begin(seed);
}

void LogSimulationTopics::use_passing_topic(SimulatedMember& one) {
  auto topic = one.log->find_topic(passing_name);
  if (!topic && topic.error().is(errc::unknown_topic)) {
    topic = one.log->create_topic({passing_name, passing_partitions_, TopicKind::events, "stock"});
  }
  if (!topic) {
    return expect_allowed(one, topic.error());
  }
  EXPECT_FALSE(deleted_.contains(topic->id)) << "a number was used again";
  if (chance(3)) {
    delete_passing(one, topic->id);
  } else if (topic->spec.partitions < passing_partitions_ + passing_partitions_added_max &&
             chance(4)) {
    add_partition_to_passing(one, *topic);
  } else {
    write_passing(one, *topic);
  }
}

LogSimulationTopics::Lasting& LogSimulationTopics::lasting(TopicId topic) {
  if (!lasting_ || lasting_->topic != topic) {
    lasting_ = Lasting{topic, passing_partitions_, {}};
  }
  return *lasting_;
}

void LogSimulationTopics::add_partition_to_passing(SimulatedMember& one, const Topic& topic) {
  const auto larger = one.log->add_partitions(topic.id, topic.spec.partitions + 1);
  if (!larger) {
    return expect_allowed_for(one, topic.id, larger.error());
  }
  EXPECT_EQ(larger->spec.partitions, topic.spec.partitions + 1);
  ++seen_.additions;
  if (!chance(2)) {
    return;
  }
  const Status durable = one.log->wait_durable(one.log->committed());
  if (!durable) {
    return expect_allowed(one, durable.error());
  }
  lasting(topic.id).partitions = larger->spec.partitions;
}

/// To one partition, or to all of many.
void LogSimulationTopics::write_passing(SimulatedMember& one, const Topic& topic) {
  Transaction transaction;
  std::int32_t first = 0;
  std::int32_t last = topic.spec.partitions - 1;
  if (topic.spec.partitions < many_partitions) {
    first = last = static_cast<std::int32_t>(random().below(static_cast<std::uint64_t>(last) + 1));
  }
  ++passing_sequence_;
  for (std::int32_t number = first; number <= last; ++number) {
    const TopicPartition to{topic.id, partition(number)};
    const std::string value = begin_of_value(to) + std::to_string(passing_sequence_) + ":" +
                              std::string(passing_value_bytes, 'x');
    transaction.append(to, {0, "k", value, {}});
  }
  const auto committed = one.log->commit(transaction);
  if (!committed) {
    return expect_allowed_for(one, topic.id, committed.error());
  }
  if (!chance(2)) {
    return;
  }
  const Status durable = one.log->wait_durable(committed->position);
  if (!durable) {
    return expect_allowed(one, durable.error());
  }
  Lasting& now = lasting(topic.id);
  now.partitions = std::max(now.partitions, last + 1);
  for (const auto& written : committed->partitions) {
    now.records[written.partition.partition] = static_cast<std::size_t>(written.first.value) + 1;
  }
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
    ASSERT_FALSE(lasting_) << "topic " << lasting_->topic.value << " is lost";
    return;
  }
  if (lasting_) {
    ASSERT_EQ(topic->id, lasting_->topic) << "another topic has the name";
    ASSERT_GE(topic->spec.partitions, lasting_->partitions) << "a partition is lost";
  }
  for (std::int32_t p = 0; p < topic->spec.partitions; ++p) {
    check_passing_partition(log, {topic->id, partition(p)});
  }
}

void LogSimulationTopics::check_passing_partition(Log& log, TopicPartition partition) {
  std::string problem;
  const auto found = read(log, partition, offset(0), 2'000, problem);
  ASSERT_EQ(problem, "");
  if (lasting_ && lasting_->records.contains(partition.partition)) {
    ASSERT_GE(found.size(), lasting_->records.at(partition.partition)) << "a record is lost";
  }
  const std::string of_partition = begin_of_value(partition);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string value = found[i].value.value_or("");
    ASSERT_EQ(found[i].offset, offset(static_cast<std::int64_t>(i)));
    ASSERT_TRUE(value.starts_with(of_partition)) << "a record of another partition: " << value;
    const std::int64_t sequence = std::stoll(value.substr(of_partition.size()));
    ASSERT_GT(sequence, last);
    last = sequence;
  }
}

}  // namespace millrace::log
