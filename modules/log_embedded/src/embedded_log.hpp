// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "committer.hpp"
#include "member.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::log::embedded {

/// The embedded log as a Log: passes each call to the part that does it.
class EmbeddedLog final : public Log {
 public:
  explicit EmbeddedLog(std::unique_ptr<Member> log) : log_(std::move(log)) {}

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override;
  Result<Topic> find_topic(std::string_view name) override;
  Result<std::vector<Topic>> topics() override;
  Result<TopicSettings> topic_settings(TopicId topic) override;
  Result<TopicSettings> alter_topic(TopicId topic, std::span<const SettingChange> changes) override;
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override;
  Status delete_topic(TopicId topic) override;
  Result<Committed> commit(Transaction& transaction) override;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition partition) override;
  Result<Offset> end_offset(TopicPartition partition) override;
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override;
  Result<Offset> tombstones_complete_from(TopicPartition partition) override;
  std::unique_ptr<Waiter> waiter() override;
  LogPosition committed() override;
  LogPosition durable() override;
  Status wait_durable(LogPosition position) override;
  Result<GroupId> group(std::string_view name) override;
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override;
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override;
  Result<std::vector<GroupInfo>> groups() override;
  Status maintain() override;
  Status maintain_storage() override { return log_->maintain_storage(); }
  int death_descriptor() override;
  std::vector<LogCount> counts() const override {
    return log_->directory.counts().read(log_->settler.unsettled_bytes(), log_->index.bytes());
  }
  const LogOptions& options() const override { return log_->directory.options(); }
  std::string identity() override { return "file/" + std::to_string(log_->directory.log_id()); }
  Lineage lineage() override { return log_->directory.lineages().current(); }
  Status check_past(Lineage lineage, LogPosition position) override;

  /// The member's process dies here, in a simulation.
  void abandon() { log_->die(); }

 private:
  std::unique_ptr<Member> log_;
  Mutex committers_mutex_;
  // Idle ones.
  std::vector<std::unique_ptr<Committer>> committers_ MILLRACE_GUARDED_BY(committers_mutex_);
};

}  // namespace millrace::log::embedded
