// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_changes.hpp"

#include <optional>
#include <string>
#include <vector>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

/// The topic that has this name and specification; null when none has the name.
Result<const CatalogTopic*> find_same(Member& log, const TopicSpec& spec,
                                      const TopicSettings& settings) {
  MILLRACE_TRY(log.topics.refresh());
  const CatalogTopic* found = log.topics.catalog().find(std::string_view(spec.name));
  MILLRACE_TRY(check_create_topic(spec, settings, found == nullptr ? nullptr : &found->topic.spec,
                                  log.directory.options().service, UnreadRecords::stay));
  return found;
}

/// `what` names what needs so many more rows.
Status check_room_for_rows(std::uint32_t used, std::int32_t more, const std::string& what) {
  if (used + static_cast<std::size_t>(more) <= max_rows) {
    return {};
  }
  return fail(errc::limit,
              "{}: the log's table of partitions is full ({} of {}, those of deleted topics "
              "included): ask for fewer partitions, or use a second log",
              what, used, max_rows);
}

/// The topic, which is made when it is missing. No value when a deleted topic had the name, and it
/// is not `freed`, the one whose directories are known to be gone.
Result<std::optional<Topic>> find_or_make(Member& log, const TopicSpec& spec,
                                          const TopicSettings& settings,
                                          std::optional<TopicId> freed) {
  MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
  MILLRACE_ASSIGN(const CatalogTopic* const known, find_same(log, spec, settings));
  if (known != nullptr) {
    return known->topic;
  }
  const Catalog& catalog = log.topics.catalog();
  if (const auto last = catalog.last_deleted(spec.name); last && last->id != freed) {
    return std::nullopt;
  }
  CatalogTopic made;
  made.topic = {{{static_cast<std::int32_t>(catalog.topic_count())}}, spec};
  made.first_row = catalog.rows_used();
  MILLRACE_TRY(check_room_for_rows(made.first_row, spec.partitions, "topic '" + spec.name + "'"));
  made.compacts = settings.compacts;
  std::vector<std::string> records{Catalog::topic_record(made)};
  // The defaults leave it to the log: commands have a limit then.
  if (settings != TopicSettings{} && settings != catalog.settings(made).settings) {
    records.push_back(Catalog::settings_record({made.topic.id, 1, settings}));
  }
  MILLRACE_TRY(log.publisher.append_catalog(locked, records));
  return made.topic;
}

/// Of a topic whose deletion was committed, which ends at that position.
Status free_deleted(Member& log, std::uint64_t end, const std::string& name) {
  MILLRACE_TRY(log.group_commit.sync_up_to(end));
  MILLRACE_FAULT_POINT("delete.durable");
  return log.while_nobody_settles([&]() -> Status {
    const Settler::Lock take_lock = [&log] { return log.lock(); };
    MILLRACE_TRY(log.deletions.free_name(take_lock, name));
    return log.deletions.run(take_lock);
  });
}

}  // namespace

Result<Topic> create_topic(Member& log, const TopicSpec& spec, const TopicSettings& settings) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_ASSIGN(const CatalogTopic* const known, find_same(log, spec, settings));
  if (known != nullptr) {
    return known->topic;
  }
  MILLRACE_ASSIGN(const auto made, find_or_make(log, spec, settings, std::nullopt));
  if (made) {
    return *made;
  }
  // Until the topic is there, nobody settles what was the old one's.
  return log.while_nobody_settles([&]() -> Result<Topic> {
    while (true) {
      const auto freed = log.deletions.free_name([&log] { return log.lock(); }, spec.name);
      if (!freed) {
        return fail(log_error(freed.error().at("topic '" + spec.name +
                                               "' is not created, as the name is not free yet of "
                                               "a topic that was deleted")));
      }
      MILLRACE_FAULT_POINT("create.name_is_free");
      // Another one with the name may have been created and deleted since.
      MILLRACE_ASSIGN(const auto again, find_or_make(log, spec, settings, *freed));
      if (again) {
        return *again;
      }
    }
  });
}

Result<TopicSettings> alter_topic(Member& log, TopicId topic,
                                  std::span<const SettingChange> changes) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
  MILLRACE_TRY(log.topics.refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log.topics.topic(topic));
  CatalogSettings now = log.topics.catalog().settings(*found);
  MILLRACE_ASSIGN(const TopicSettings after,
                  check_alter_topic(found->topic.spec, now.settings, changes,
                                    log.directory.options().service, UnreadRecords::stay));
  if (after != now.settings) {
    now.settings = after;
    now.revision += 1;
    const std::string record = Catalog::settings_record(now);
    MILLRACE_TRY(log.publisher.append_catalog(locked, {&record, 1}));
  }
  return after;
}

Result<Topic> add_partitions(Member& log, TopicId topic, std::int32_t total) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
  MILLRACE_TRY(log.topics.refresh());
  MILLRACE_ASSIGN(const CatalogTopic* const found, log.topics.topic(topic));
  const TopicSpec& spec = found->topic.spec;
  MILLRACE_TRY(check_add_partitions(spec, total, log.directory.options().service));
  if (total == spec.partitions) {
    return found->topic;
  }
  const std::uint32_t first_row = log.topics.catalog().rows_used();
  MILLRACE_TRY(check_room_for_rows(first_row, total - spec.partitions,
                                   "more partitions of topic '" + spec.name + "'"));
  const std::string record = Catalog::addition_record({topic, spec.partitions, total, first_row});
  MILLRACE_TRY(log.publisher.append_catalog(locked, {&record, 1}));
  MILLRACE_ASSIGN(const CatalogTopic* const larger, log.topics.topic(topic));
  return larger->topic;
}

Status delete_topic(Member& log, TopicId topic) {
  MILLRACE_TRY(log.directory.check_open());
  std::uint64_t end = 0;
  std::string name;
  {
    MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
    MILLRACE_TRY(log.topics.refresh());
    const Catalog& catalog = log.topics.catalog();
    const CatalogTopic* const found = catalog.find(topic);
    if (found == nullptr) {
      return fail(unknown_topic_error(topic));
    }
    MILLRACE_TRY(check_delete_topic(found->topic.spec, log.directory.options().service));
    if (!catalog.is_deleted(topic)) {
      const std::string record = Catalog::deletion_record(topic);
      MILLRACE_TRY(log.publisher.append_catalog(locked, {&record, 1}));
    }
    end = log.directory.control().committed.load(std::memory_order_relaxed);
    name = found->topic.spec.name;
  }
  // Those who wait for the topic hear of it.
  log.directory.wake_everybody();
  const Status freed = free_deleted(log, end, name);
  return freed ? freed
               : fail(log_error(freed.error().at("the deletion of topic '" + name +
                                                 "' is committed, but its name is not free yet")));
}

}  // namespace millrace::log::embedded
