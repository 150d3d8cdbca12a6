// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "memory_topics.hpp"

#include <utility>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

Result<Topic> MemoryTopics::create(const TopicSpec& spec, const TopicSettings& settings,
                                   std::string_view service) {
  const auto found = ids_.find(spec.name);
  const TopicSpec* existing =
      found == ids_.end() ? nullptr
                          : &topics_[static_cast<std::size_t>(found->second.value)].topic.spec;
  MILLRACE_TRY(check_create_topic(spec, settings, existing, service));
  if (existing != nullptr) {
    return Topic{found->second, *existing};
  }
  const TopicId id{{static_cast<std::int32_t>(topics_.size())}};
  topics_.push_back({{id, spec},
                     settings,
                     std::vector<StoredPartition>(static_cast<std::size_t>(spec.partitions))});
  ids_.emplace(spec.name, id);
  return topics_.back().topic;
}

Result<Topic> MemoryTopics::add_partitions(TopicId id, std::int32_t total,
                                           std::string_view service) {
  MILLRACE_ASSIGN(StoredTopic* const stored, topic(id));
  MILLRACE_TRY(check_add_partitions(stored->topic.spec, total, service));
  stored->topic.spec.partitions = total;
  stored->partitions.resize(static_cast<std::size_t>(total));
  return stored->topic;
}

Status MemoryTopics::remove(TopicId id, std::string_view service) {
  if (!knows(id)) {
    return fail(unknown_topic_error(id));
  }
  StoredTopic& stored = topics_[static_cast<std::size_t>(id.value)];
  MILLRACE_TRY(check_delete_topic(stored.topic.spec, service));
  if (!stored.deleted) {
    stored.deleted = true;
    stored.partitions.clear();
    ids_.erase(stored.topic.spec.name);
  }
  return {};
}

Result<Topic> MemoryTopics::find(std::string_view name) const {
  const auto found = ids_.find(name);
  if (found == ids_.end()) {
    return fail(unknown_topic_error(name));
  }
  return topics_[static_cast<std::size_t>(found->second.value)].topic;
}

std::vector<Topic> MemoryTopics::all() const {
  std::vector<Topic> result;
  for (const StoredTopic& stored : topics_) {
    if (!stored.deleted && !is_internal(stored.topic.spec.name)) {
      result.push_back(stored.topic);
    }
  }
  return result;
}

bool MemoryTopics::knows(TopicId id) const {
  return id.value >= 0 && static_cast<std::size_t>(id.value) < topics_.size();
}

bool MemoryTopics::is_deleted(TopicId id) const {
  return knows(id) && topics_[static_cast<std::size_t>(id.value)].deleted;
}

Result<const MemoryTopics::StoredTopic*> MemoryTopics::topic(TopicId id) const {
  if (!knows(id)) {
    return fail(unknown_topic_error(id));
  }
  const StoredTopic& stored = topics_[static_cast<std::size_t>(id.value)];
  if (stored.deleted) {
    return fail(topic_replaced_error(stored.topic));
  }
  return &stored;
}

Result<MemoryTopics::StoredTopic*> MemoryTopics::topic(TopicId id) {
  MILLRACE_TRY(std::as_const(*this).topic(id));
  return &topics_[static_cast<std::size_t>(id.value)];
}

Status MemoryTopics::check(TopicPartition partition) const {
  MILLRACE_ASSIGN(const StoredTopic* const stored, topic(partition.topic));
  return check_partition(stored->topic.spec, partition.partition);
}

MemoryTopics::StoredPartition& MemoryTopics::at(TopicPartition partition) {
  return topics_[static_cast<std::size_t>(partition.topic.value)]
      .partitions[static_cast<std::size_t>(partition.partition.value)];
}

}  // namespace millrace::log
