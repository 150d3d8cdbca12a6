// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "catalog.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint8_t topic_tag = 1;
constexpr std::uint8_t group_tag = 2;
constexpr std::uint8_t settings_tag = 3;
constexpr std::uint8_t deletion_tag = 4;
constexpr std::uint8_t addition_tag = 5;
constexpr std::int64_t commands_retention_ms = 7LL * 24 * 3'600 * 1'000;

std::unexpected<Error> damaged() {
  return fail(errc::corrupt, "a record of __catalog makes no sense");
}

bool has_tag(std::string_view record, std::uint8_t tag) {
  return !record.empty() && static_cast<std::uint8_t>(record.front()) == tag;
}

std::int32_t partitions_when_created(const CatalogTopic& topic) {
  return topic.added.empty() ? topic.topic.spec.partitions : topic.added.front().first;
}

}  // namespace

Catalog::Catalog() {
  const MutexLock lock(mutex_);
  const std::string_view names[internal_topics] = {"__catalog", "__positions", "__producers"};
  for (std::int32_t id = 0; id < internal_topics; ++id) {
    CatalogTopic topic;
    topic.topic = {TopicId{{id}},
                   {std::string(names[id]), 1, TopicKind::private_topic, "millrace"}};
    topic.first_row = static_cast<std::uint32_t>(id);
    add(std::move(topic));
  }
}

void Catalog::add(CatalogTopic topic) {
  auto kept = std::make_unique<CatalogTopic>(std::move(topic));
  const auto id = static_cast<std::size_t>(kept->topic.id.value);
  // The number rises: an earlier topic of the name was deleted.
  by_name_[kept->topic.spec.name] = kept.get();
  by_id_[id].store(kept.get(), std::memory_order_release);
  topics_.push_back(std::move(kept));
}

std::string Catalog::topic_record(const CatalogTopic& topic) {
  const TopicSpec& spec = topic.topic.spec;
  std::string bytes;
  ByteWriter out(bytes);
  out.little(topic_tag).little(topic.topic.id.value).little(topic.first_row);
  out.little(partitions_when_created(topic))
      .little(static_cast<std::uint8_t>(stored_kind(spec.kind)));
  out.little(static_cast<std::uint8_t>(topic.compacts ? 1 : 0));
  out.little_text<std::uint16_t>(spec.name).little_text<std::uint16_t>(spec.owner);
  return out.take();
}

bool Catalog::is_settings(std::string_view record) { return has_tag(record, settings_tag); }

bool Catalog::is_deletion(std::string_view record) { return has_tag(record, deletion_tag); }

bool Catalog::is_addition(std::string_view record) { return has_tag(record, addition_tag); }

const CatalogTopic* Catalog::topic_of(std::string_view record) const {
  if (!has_tag(record, topic_tag) && !is_addition(record)) {
    return nullptr;
  }
  ByteReader in(record);
  in.little<std::uint8_t>();
  return find(TopicId{{in.little<std::int32_t>()}});
}

// All of them, because another build may have other defaults; names and values as text, so that a
// build that does not know a setting can name it.
std::string Catalog::settings_record(const CatalogSettings& settings) {
  const std::vector<NamedSetting> named = named_settings(settings.settings);
  std::string bytes;
  ByteWriter out(bytes);
  out.little(settings_tag).little(settings.topic.value).little(settings.revision);
  out.little(static_cast<std::uint16_t>(named.size()));
  for (const NamedSetting& setting : named) {
    out.little_text<std::uint16_t>(setting.name).little_text<std::uint16_t>(setting.value);
  }
  return out.take();
}

std::string Catalog::group_record(GroupId id, std::string_view name) {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(group_tag).little(id.value).little_text<std::uint16_t>(name);
  return out.take();
}

std::string Catalog::deletion_record(TopicId topic) {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(deletion_tag).little(topic.value);
  return out.take();
}

std::string Catalog::addition_record(const CatalogAddition& addition) {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(addition_tag).little(addition.topic.value).little(addition.before);
  out.little(addition.after).little(addition.first_row);
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
  const auto stored = static_cast<TopicKind>(in.little<std::uint8_t>());
  made.compacts = in.little<std::uint8_t>() != 0;
  spec.name = in.little_text<std::uint16_t>();
  spec.owner = in.little_text<std::uint16_t>();
  spec.kind = kind_of_stored(stored, spec.owner, made.compacts);
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
  if (is_settings(record)) {
    return apply_settings(record);
  }
  if (is_deletion(record)) {
    return apply_deletion(record);
  }
  if (is_addition(record)) {
    return apply_addition(record);
  }
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

Status Catalog::apply_settings(std::string_view record) {
  ByteReader in(record);
  in.little<std::uint8_t>();
  CatalogSettings read;
  read.topic.value = in.little<std::int32_t>();
  read.revision = in.little<std::uint32_t>();
  std::vector<SettingChange> changes;
  for (auto left = in.little<std::uint16_t>(); left > 0 && in.ok(); --left) {
    std::string name(in.little_text<std::uint16_t>());
    changes.push_back({std::move(name), std::string(in.little_text<std::uint16_t>())});
  }
  const CatalogTopic* const topic = find(read.topic);
  if (!in.ok() || topic == nullptr || read.revision == 0) {
    return damaged();
  }
  auto settings = stored_settings(changes);
  if (!settings) {
    return fail(errc::incompatible,
                "the settings of topic '{}' are of a newer Millrace ({}): use that one",
                topic->topic.spec.name, settings.error().message());
  }
  read.settings = *settings;
  CatalogSettings& kept = settings_[read.topic];
  if (read.revision > kept.revision) {
    kept = read;
  }
  return {};
}

Status Catalog::apply_deletion(std::string_view record) {
  ByteReader in(record);
  in.little<std::uint8_t>();
  const TopicId id{{in.little<std::int32_t>()}};
  const CatalogTopic* const topic = find(id);
  if (!in.ok() || topic == nullptr || id.value < internal_topics) {
    return damaged();
  }
  if (is_deleted(id)) {
    return {};
  }
  deleted_[static_cast<std::size_t>(id.value)].store(true, std::memory_order_release);
  deletions_.fetch_add(1, std::memory_order_release);
  const auto named = by_name_.find(topic->topic.spec.name);
  if (named != by_name_.end() && named->second == topic) {
    by_name_.erase(named);
  }
  return {};
}

// Two partitions in one row would have each other's records.
bool Catalog::has_rows(std::uint32_t first, std::uint32_t count) const {
  return std::any_of(topics_.begin(), topics_.end(), [&](const auto& topic) {
    for (std::int32_t p = 0; p < topic->topic.spec.partitions; ++p) {
      if (topic->row(p) >= first && topic->row(p) - first < count) {
        return true;
      }
    }
    return false;
  });
}

// Of a deleted topic, too: the journal may still have what was written to these partitions.
Status Catalog::apply_addition(std::string_view record) {
  ByteReader in(record);
  in.little<std::uint8_t>();
  CatalogAddition read;
  read.topic.value = in.little<std::int32_t>();
  read.before = in.little<std::int32_t>();
  read.after = in.little<std::int32_t>();
  read.first_row = in.little<std::uint32_t>();
  const CatalogTopic* const topic = find(read.topic);
  if (!in.ok() || topic == nullptr || read.topic.value < internal_topics || read.before < 1 ||
      read.after <= read.before || read.after > max_partitions || read.first_row >= max_rows ||
      read.first_row + static_cast<std::size_t>(read.after - read.before) > max_rows) {
    return damaged();
  }
  const std::int32_t known = topic->topic.spec.partitions;
  if (known >= read.after) {
    return {};
  }
  if (known != read.before ||
      has_rows(read.first_row, static_cast<std::uint32_t>(read.after - read.before))) {
    return damaged();
  }
  auto larger = std::make_unique<CatalogTopic>(*topic);
  larger->topic.spec.partitions = read.after;
  larger->added.push_back({read.before, read.first_row});
  const auto kept = std::find_if(topics_.begin(), topics_.end(),
                                 [&](const auto& one) { return one.get() == topic; });
  const auto named = by_name_.find(topic->topic.spec.name);
  if (named != by_name_.end() && named->second == topic) {
    named->second = larger.get();
  }
  by_id_[static_cast<std::size_t>(read.topic.value)].store(larger.get(), std::memory_order_release);
  former_.push_back(std::exchange(*kept, std::move(larger)));
  return {};
}

CatalogSettings Catalog::settings(const CatalogTopic& topic) const {
  const MutexLock lock(mutex_);
  const auto found = settings_.find(topic.topic.id);
  if (found != settings_.end()) {
    return found->second;
  }
  CatalogSettings implied{topic.topic.id, 0, topic.compacts ? compacted() : TopicSettings{}};
  if (topic.topic.spec.kind == TopicKind::commands && topic.topic.spec.owner != library_service) {
    implied.settings.deletes = true;
    implied.settings.retention_ms = commands_retention_ms;
  } else if (is_repartition(topic.topic.spec)) {
    implied.settings.deletes = true;
    implied.settings.retention_ms = 0;
  }
  return implied;
}

std::vector<std::string> Catalog::records() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> records;
  for (const auto& topic : topics_) {
    if (topic->topic.id.value >= internal_topics) {
      records.push_back(topic_record(*topic));
    }
    for (std::size_t i = 0; i < topic->added.size(); ++i) {
      const bool is_last = i + 1 == topic->added.size();
      records.push_back(
          addition_record({topic->topic.id, topic->added[i].first,
                           is_last ? topic->topic.spec.partitions : topic->added[i + 1].first,
                           topic->added[i].first_row}));
    }
    if (is_deleted(topic->topic.id)) {
      records.push_back(deletion_record(topic->topic.id));
    }
  }
  for (const auto& [topic, settings] : settings_) {
    if (!is_deleted(topic)) {
      records.push_back(settings_record(settings));
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
    if (!is_internal(topic->topic.spec.name) && !is_deleted(topic->topic.id)) {
      topics.push_back(topic->topic);
    }
  }
  return topics;
}

std::vector<Topic> Catalog::last_of_deleted_names() const {
  const MutexLock lock(mutex_);
  std::map<std::string, Topic> last;
  for (const auto& topic : topics_) {
    const std::string& name = topic->topic.spec.name;
    if (is_deleted(topic->topic.id) && !by_name_.contains(name)) {
      last.insert_or_assign(name, topic->topic);
    }
  }
  std::vector<Topic> topics;
  for (auto& [name, topic] : last) {
    topics.push_back(std::move(topic));
  }
  return topics;
}

std::optional<Topic> Catalog::last_deleted(std::string_view name) const {
  const MutexLock lock(mutex_);
  std::optional<Topic> last;
  for (const auto& topic : topics_) {
    if (topic->topic.spec.name == name && is_deleted(topic->topic.id)) {
      last = topic->topic;
    }
  }
  return last;
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
    // Of its rows the last partition has the last one.
    used = std::max(used, topic->row(topic->topic.spec.partitions - 1) + 1);
  }
  return used;
}

std::size_t Catalog::topic_count() const {
  const MutexLock lock(mutex_);
  return topics_.size();
}

}  // namespace millrace::log::embedded
