// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded_log.hpp"

#include "fetch.hpp"
#include "find_time.hpp"
#include "groups.hpp"
#include "membership.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "tables.hpp"
#include "tombstones.hpp"
#include "waiter.hpp"

namespace millrace::log::embedded {

Result<Topic> EmbeddedLog::create_topic(const TopicSpec& spec, const TopicSettings& settings) {
  MILLRACE_TRY(log_->directory.check_open());
  const auto decide = [&]() -> Result<const CatalogTopic*> {
    MILLRACE_TRY(log_->topics.refresh());
    const CatalogTopic* found = log_->topics.catalog().find(std::string_view(spec.name));
    MILLRACE_TRY(check_create_topic(spec, settings, found == nullptr ? nullptr : &found->topic.spec,
                                    log_->directory.options().service, UnreadRecords::stay));
    return found;
  };
  MILLRACE_ASSIGN(const CatalogTopic* known, decide());
  if (known != nullptr) {
    return known->topic;
  }
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_->lock());
  MILLRACE_ASSIGN(known, decide());
  if (known != nullptr) {
    return known->topic;
  }
  CatalogTopic made;
  made.topic = {{{static_cast<std::int32_t>(log_->topics.catalog().topic_count())}}, spec};
  made.first_row = log_->topics.catalog().rows_used();
  if (made.first_row + static_cast<std::size_t>(spec.partitions) > max_rows) {
    return fail(errc::limit, "topic '" + spec.name + "': the log's table of partitions is full (" +
                                 std::to_string(made.first_row) + " of " +
                                 std::to_string(max_rows) +
                                 "); make topics with fewer partitions, or use a second log");
  }
  made.compacts = settings.compacts;
  std::vector<std::string> records{Catalog::topic_record(made)};
  // The defaults leave it to the log: commands have a limit then.
  if (settings != TopicSettings{} && settings != log_->topics.catalog().settings(made).settings) {
    records.push_back(Catalog::settings_record({made.topic.id, 1, settings}));
  }
  MILLRACE_TRY(log_->publisher.append_catalog(locked, records));
  return made.topic;
}

Result<TopicSettings> EmbeddedLog::topic_settings(TopicId topic) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_TRY(log_->topics.refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log_->topics.topic(topic));
  return log_->topics.catalog().settings(*found).settings;
}

Result<TopicSettings> EmbeddedLog::alter_topic(TopicId topic,
                                               std::span<const SettingChange> changes) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_->lock());
  MILLRACE_TRY(log_->topics.refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log_->topics.topic(topic));
  CatalogSettings now = log_->topics.catalog().settings(*found);
  MILLRACE_ASSIGN(const TopicSettings after,
                  check_alter_topic(found->topic.spec, now.settings, changes,
                                    log_->directory.options().service, UnreadRecords::stay));
  if (after != now.settings) {
    now.settings = after;
    now.revision += 1;
    const std::string record = Catalog::settings_record(now);
    MILLRACE_TRY(log_->publisher.append_catalog(locked, {&record, 1}));
  }
  return after;
}

Result<Topic> EmbeddedLog::find_topic(std::string_view name) {
  MILLRACE_TRY(log_->directory.check_open());
  const CatalogTopic* found = log_->topics.catalog().find(name);
  if (found == nullptr) {
    MILLRACE_TRY(log_->topics.refresh());
    found = log_->topics.catalog().find(name);
  }
  if (found == nullptr) {
    return fail(unknown_topic_error(name));
  }
  return found->topic;
}

Result<std::vector<Topic>> EmbeddedLog::topics() {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_TRY(log_->topics.refresh());
  return log_->topics.catalog().topics();
}

Result<Committed> EmbeddedLog::commit(Transaction& transaction) {
  std::unique_ptr<Committer> committer;
  {
    const MutexLock guard(committers_mutex_);
    if (!committers_.empty()) {
      committer = std::move(committers_.back());
      committers_.pop_back();
    }
  }
  if (committer == nullptr) {
    committer = std::make_unique<Committer>(*log_);
  }
  auto committed = committer->commit(transaction);
  const MutexLock guard(committers_mutex_);
  committers_.push_back(std::move(committer));
  return committed;
}

Status EmbeddedLog::fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                          FetchBuffer& buffer) {
  return fetch_records(*log_, partition, from, max_bytes, buffer);
}

Result<Offset> EmbeddedLog::start_offset(TopicPartition partition) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_ASSIGN(const PartitionRow* row, log_->topics.row(partition));
  return offset(row->start_offset.load(std::memory_order_acquire));
}

Result<Offset> EmbeddedLog::end_offset(TopicPartition partition) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_ASSIGN(const PartitionRow* row, log_->topics.row(partition));
  MILLRACE_ASSIGN(const VisibleEnd visible, visible_end(*log_, *row));
  return offset(visible.end);
}

Result<std::optional<Offset>> EmbeddedLog::find_time(TopicPartition partition,
                                                     std::int64_t time_ms) {
  return embedded::find_time(*log_, partition, time_ms);
}

Result<Offset> EmbeddedLog::tombstones_complete_from(TopicPartition partition) {
  return embedded::tombstones_complete_from(*log_, partition);
}

std::unique_ptr<Waiter> EmbeddedLog::waiter() { return std::make_unique<EmbeddedWaiter>(*log_); }

LogPosition EmbeddedLog::committed() {
  const Control& control = log_->directory.control();
  return {control.incarnation, control.committed.load(std::memory_order_acquire)};
}

LogPosition EmbeddedLog::durable() {
  const Control& control = log_->directory.control();
  return {control.incarnation, control.durable.load(std::memory_order_acquire)};
}

Status EmbeddedLog::wait_durable(LogPosition position) { return log_->group_commit.wait(position); }

Result<GroupId> EmbeddedLog::group(std::string_view name) {
  return find_or_make_group(*log_, name);
}

Result<std::optional<Offset>> EmbeddedLog::position(GroupId group, TopicPartition partition) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_TRY(log_->topics.check_group(group));
  MILLRACE_TRY(log_->topics.row(partition));
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_->lock_even_failed());
  const auto found = find_position(locked, log_->directory.control(), group, partition);
  return found ? std::optional(offset(*found)) : std::nullopt;
}

Result<std::unique_ptr<Membership>> EmbeddedLog::join(GroupId group,
                                                      std::vector<std::string> tasks) {
  return EmbeddedMembership::join(*log_, group, std::move(tasks));
}

Result<std::vector<GroupInfo>> EmbeddedLog::groups() { return describe_groups(*log_); }

Status EmbeddedLog::maintain() { return log_->maintain(); }

int EmbeddedLog::death_descriptor() { return log_->directory.region().death_descriptor(); }

}  // namespace millrace::log::embedded
