// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "catalog.hpp"

#include <algorithm>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint8_t topic_tag = 1;
constexpr std::uint8_t group_tag = 2;

std::unexpected<Error> damaged() {
  return fail(errc::corrupt, "a record of __catalog makes no sense");
}

}  // namespace

Catalog::Catalog() {
  const MutexLock lock(mutex_);
  const std::string_view names[internal_topics] = {"__catalog", "__positions", "__producers"};
  for (std::int32_t id = 0; id < internal_topics; ++id) {
    CatalogTopic topic;
    topic.topic = {
        TopicId{{id}},
        {std::string(names[id]), 1, TopicKind::private_topic, "millrace", CleanupPolicy::keep}};
    topic.first_row = static_cast<std::uint32_t>(id);
    add(std::move(topic));
  }
}

void Catalog::add(CatalogTopic topic) {
  auto kept = std::make_unique<CatalogTopic>(std::move(topic));
  const auto id = static_cast<std::size_t>(kept->topic.id.value);
  by_name_.emplace(kept->topic.spec.name, kept.get());
  by_id_[id].store(kept.get(), std::memory_order_release);
  topics_.push_back(std::move(kept));
}

std::string Catalog::topic_record(const CatalogTopic& topic) {
  const TopicSpec& spec = topic.topic.spec;
  std::string bytes;
  ByteWriter out(bytes);
  out.little(topic_tag).little(topic.topic.id.value).little(topic.first_row);
  out.little(spec.partitions).little(static_cast<std::uint8_t>(spec.kind));
  out.little(static_cast<std::uint8_t>(spec.cleanup));
  out.little_text<std::uint16_t>(spec.name).little_text<std::uint16_t>(spec.owner);
  return out.take();
}

std::string Catalog::group_record(GroupId id, std::string_view name) {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(group_tag).little(id.value).little_text<std::uint16_t>(name);
  return out.take();
}

Result<std::optional<CatalogTopic>> Catalog::read_topic(std::string_view record) {
  ByteReader in(record);
  if (in.little<std::uint8_t>() != topic_tag) {
    return std::nullopt;
  }
  CatalogTopic made;
  made.topic.id.value = in.little<std::int32_t>();
  made.first_row = in.little<std::uint32_t>();
  TopicSpec& spec = made.topic.spec;
  spec.partitions = in.little<std::int32_t>();
  spec.kind = static_cast<TopicKind>(in.little<std::uint8_t>());
  spec.cleanup = static_cast<CleanupPolicy>(in.little<std::uint8_t>());
  spec.name = in.little_text<std::uint16_t>();
  spec.owner = in.little_text<std::uint16_t>();
  if (!in.ok() || made.topic.id.value < internal_topics ||
      static_cast<std::size_t>(made.topic.id.value) >= max_rows || !check_topic_spec(spec) ||
      made.first_row + static_cast<std::size_t>(spec.partitions) > max_rows) {
    return damaged();
  }
  return made;
}

Status Catalog::apply(std::string_view record) {
  MILLRACE_ASSIGN(auto topic, read_topic(record));
  const MutexLock lock(mutex_);
  if (topic) {
    if (find(topic->topic.id) == nullptr) {
      add(*std::move(topic));
    }
    return {};
  }
  ByteReader in(record);
  const auto tag = in.little<std::uint8_t>();
  const auto id = in.little<std::int32_t>();
  const std::string_view name = in.little_text<std::uint16_t>();
  if (!in.ok() || tag != group_tag || id < 0 || static_cast<std::size_t>(id) > groups_.size()) {
    return damaged();
  }
  if (static_cast<std::size_t>(id) == groups_.size()) {
    groups_.emplace_back(name);
  }
  return {};
}

std::vector<std::string> Catalog::records() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> records;
  for (const auto& topic : topics_) {
    if (topic->topic.id.value >= internal_topics) {
      records.push_back(topic_record(*topic));
    }
  }
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    records.push_back(group_record(GroupId{{static_cast<std::int32_t>(i)}}, groups_[i]));
  }
  return records;
}

const CatalogTopic* Catalog::find(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<Topic> Catalog::topics() const {
  const MutexLock lock(mutex_);
  std::vector<Topic> topics;
  for (const auto& topic : topics_) {
    if (!is_internal(topic->topic.spec.name)) {
      topics.push_back(topic->topic);
    }
  }
  return topics;
}

std::optional<GroupId> Catalog::group(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = std::find(groups_.begin(), groups_.end(), name);
  if (found == groups_.end()) {
    return std::nullopt;
  }
  return GroupId{{static_cast<std::int32_t>(found - groups_.begin())}};
}

std::vector<std::string> Catalog::groups() const {
  const MutexLock lock(mutex_);
  return groups_;
}

std::size_t Catalog::group_count() const {
  const MutexLock lock(mutex_);
  return groups_.size();
}

std::uint32_t Catalog::rows_used() const {
  const MutexLock lock(mutex_);
  std::uint32_t used = 0;
  for (const auto& topic : topics_) {
    used =
        std::max(used, topic->first_row + static_cast<std::uint32_t>(topic->topic.spec.partitions));
  }
  return used;
}

std::size_t Catalog::topic_count() const {
  const MutexLock lock(mutex_);
  return topics_.size();
}

}  // namespace millrace::log::embedded
