// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_numbering.hpp"

#include <algorithm>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

// Of 53 bits, as the manifest has it in JSON. All are random in the ids that clusters give, but for
// a few in each half, which differ.
std::uint64_t stored(const TopicUuid& id) {
  if (id.is_none()) return 0;
  return std::max<std::uint64_t>((id.high ^ id.low) >> 11U, 1);
}

}  // namespace

TopicId TopicNumbering::in_state(TopicId topic) const {
  if (topic.value < first_again) return topic;
  const MutexLock lock(mutex_);
  const auto index = static_cast<std::size_t>(topic.value - first_again);
  return index < again_.size() ? again_[index] : topic;
}

Result<TopicSpec> TopicNumbering::spec_of(TopicPartition partition) const {
  const std::int32_t number = in_state(partition.topic).value;
  bool is_deleted = false;
  std::optional<TopicSpec> spec = state_.look([&](const State& state) -> std::optional<TopicSpec> {
    if (number < 0 || static_cast<std::size_t>(number) >= state.topics().size())
      return std::nullopt;
    is_deleted = state.is_deleted(number);
    return state.topics()[static_cast<std::size_t>(number)].spec;
  });
  if (is_deleted) return fail(topic_replaced_error({partition.topic, *std::move(spec)}));
  if (!spec && number >= first_foreign) {
    const MutexLock lock(mutex_);
    const auto index = static_cast<std::size_t>(number - first_foreign);
    if (index < foreign_.size()) spec = foreign_[index];
  }
  if (!spec) return fail(unknown_topic_error(partition.topic));
  MILLRACE_TRY(check_partition(*spec, partition.partition));
  return *std::move(spec);
}

Result<KafkaPartition> TopicNumbering::partition_in_kafka(TopicPartition partition) {
  auto spec = spec_of(partition);
  if (!spec && (spec.error().is(errc::unknown_topic) || spec.error().is(errc::unknown_partition))) {
    // Another handle may have made it, or added it, a moment ago.
    MILLRACE_TRY(state_.catch_up_to_end());
    spec = spec_of(partition);
  }
  if (!spec) return fail(spec.error());
  const TopicIds::Number number = number_of(partition.topic, *spec);
  MILLRACE_ASSIGN(const TopicUuid id, ids_.bind(number));
  if (!id.is_none()) {
    const auto deleted = ids_.look(number);
    if (!deleted) {
      // Another handle may have deleted it, and is sure.
      MILLRACE_TRY(state_.catch_up_to_end());
      MILLRACE_TRY(spec_of(partition));
      return fail(deleted.error());
    }
    if (*deleted) return fail(topic_replaced_error({partition.topic, *spec}));
  }
  return KafkaPartition{number.name, partition.partition.value, id};
}

Error TopicNumbering::explain(TopicPartition partition, Error error) {
  const bool is_unknown = error.is(errc::unknown_topic);
  if (!is_unknown && !error.is(errc::out_of_range)) return error;
  if (const Status seen = state_.catch_up_to_end(); !seen) return seen.error();
  const auto spec = spec_of(partition);
  if (!spec) return spec.error();
  const TopicIds::Number number = number_of(partition.topic, *spec);
  const auto id = ids_.bind(number);
  if (!id) return id.error();
  if (id->is_none()) return error;
  const auto deleted = ids_.look(number, true);
  if (!deleted) return deleted.error();
  if (*deleted) return topic_replaced_error({partition.topic, *spec});
  return is_unknown ? Error(errc::unavailable, error.message()) : error;
}

Error TopicNumbering::explain(std::span<const TopicPartition> partitions, const Error& error) {
  Error why = error;
  for (const TopicPartition partition : partitions) {
    why = explain(partition, error);
    if (why.is(errc::topic_replaced)) break;
  }
  return why;
}

// Numbers of topics that were deleted keep what they meant.
Topic TopicNumbering::current(Topic topic) {
  const TopicId first = topic.id;
  if (!ids_.is_deleted(first.value)) return topic;
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i <= again_.size(); ++i) {
    topic.id = TopicId{{first_again + static_cast<std::int32_t>(i)}};
    if (i == again_.size()) {
      again_.push_back(first);
      break;
    }
    if (again_[i] == first && !ids_.is_deleted(topic.id.value)) break;
  }
  return topic;
}

Result<Topic> TopicNumbering::bind(Topic topic) {
  topic = current(std::move(topic));
  const auto id = ids_.bind(number_of(topic.id, topic.spec));
  // Who may not see a topic learns it when it is used, as before.
  if (id || id.error().is(errc::not_authorized)) return topic;
  if (!id.error().is(errc::unknown_topic)) return fail(id.error());
  // One that a tool of the cluster deleted before this handle used it stays known, as its owner may
  // need to know that there was one; its uses fail.
  if (topic.id.value < first_foreign) return topic;
  return fail(unknown_topic_error(topic.spec.name));
}

std::uint64_t TopicNumbering::stored_id(TopicId topic) {
  const auto spec = spec_of({topic, partition(0)});
  if (!spec) return 0;
  const auto id = ids_.bind(number_of(topic, *spec));
  return id ? stored(*id) : 0;
}

Result<std::vector<KafkaPartition>> TopicNumbering::partitions_in_kafka(
    std::span<const TopicPartition> partitions) {
  std::vector<KafkaPartition> all;
  all.reserve(partitions.size());
  for (const TopicPartition partition : partitions) {
    MILLRACE_ASSIGN(all.emplace_back(), partition_in_kafka(partition));
  }
  return all;
}

std::optional<Topic> TopicNumbering::known_foreign(std::string_view name) const {
  for (std::size_t i = 0; i < foreign_.size(); ++i) {
    if (foreign_[i].name == name)
      return Topic{TopicId{{first_foreign + static_cast<std::int32_t>(i)}}, foreign_[i]};
  }
  return std::nullopt;
}

}  // namespace millrace::log::kafka
