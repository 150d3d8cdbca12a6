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
#include "topic_changes.hpp"
#include "waiter.hpp"

namespace millrace::log::embedded {

Result<Topic> EmbeddedLog::create_topic(const TopicSpec& spec, const TopicSettings& settings) {
  return embedded::create_topic(*log_, spec, settings);
}

Result<TopicSettings> EmbeddedLog::topic_settings(TopicId topic) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_TRY(log_->topics.refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log_->topics.topic(topic));
  return log_->topics.catalog().settings(*found).settings;
}

Result<TopicSettings> EmbeddedLog::alter_topic(TopicId topic,
                                               std::span<const SettingChange> changes) {
  return embedded::alter_topic(*log_, topic, changes);
}

Result<Topic> EmbeddedLog::add_partitions(TopicId topic, std::int32_t total) {
  return embedded::add_partitions(*log_, topic, total);
}

Status EmbeddedLog::delete_topic(TopicId topic) { return embedded::delete_topic(*log_, topic); }

Result<Topic> EmbeddedLog::find_topic(std::string_view name) {
  MILLRACE_TRY(log_->directory.check_open());
  MILLRACE_TRY(log_->topics.refresh());
  const CatalogTopic* const found = log_->topics.catalog().find(name);
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
  MILLRACE_TRY(log_->settle_for_commit());
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

Status EmbeddedLog::check_past(Lineage lineage, LogPosition position) {
  MILLRACE_TRY(log_->directory.check_open());
  return log_->directory.lineages().check_past(lineage, position, committed());
}

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
