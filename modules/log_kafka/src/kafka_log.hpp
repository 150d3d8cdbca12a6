// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "command_trimmer.hpp"
#include "commits.hpp"
#include "group_positions.hpp"
#include "groups.hpp"
#include "housekeeping.hpp"
#include "identity.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "positions.hpp"
#include "reader.hpp"
#include "state_log.hpp"
#include "topics.hpp"
#include "visibility.hpp"

namespace millrace::log::kafka {

/// A log on an Apache Kafka cluster: opens it, wires the parts that do the work, and implements the
/// contract by them. docs/decisions/0008-tasks-on-kafka.md.
class KafkaLog final : public Log, public GroupFinder, public TopicNumbers {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(std::string_view url,
                                                         LogEnvironment& environment,
                                                         LogOptions options, Settings settings,
                                                         KafkaTokenSource token);
  ~KafkaLog() override;

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override;
  Result<Topic> find_topic(std::string_view name) override;
  Result<std::vector<Topic>> topics() override;
  Result<TopicSettings> topic_settings(TopicId topic) override;
  Result<TopicSettings> alter_topic(TopicId topic, std::span<const SettingChange> changes) override;
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override;
  Status delete_topic(TopicId topic) override;
  Result<Committed> commit(Transaction& transaction) override;
  Status wait_visible(const Committed& committed, std::int64_t deadline_ns) override;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition partition) override;
  Result<Offset> end_offset(TopicPartition partition) override;
  Result<std::vector<Offset>> start_offsets(std::span<const TopicPartition> partitions) override;
  Result<std::vector<Offset>> end_offsets(std::span<const TopicPartition> partitions) override;
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override;
  Result<std::vector<std::optional<Offset>>> find_times(std::span<const TopicPartition> partitions,
                                                        std::int64_t time_ms) override;
  std::unique_ptr<Waiter> waiter() override;
  LogPosition committed() override { return {}; }
  LogPosition durable() override { return {}; }
  Status wait_durable(LogPosition position) override;
  Result<GroupId> group(std::string_view name) override;
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override;
  Result<std::vector<std::optional<Offset>>> positions(
      GroupId group, std::span<const TopicPartition> partitions) override;
  std::optional<std::int64_t> position_retention_ms() const override;
  Result<std::optional<std::int64_t>> tombstone_retention_ms(TopicId topic) override;
  Result<Offset> tombstones_complete_from(TopicPartition partition) override;
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override;
  Result<std::vector<GroupInfo>> groups() override { return find_groups({}); }
  Result<std::vector<GroupInfo>> find_groups(const GroupsWanted& wanted) override;
  std::uint64_t stored_topic_id(TopicId topic) override { return topics_.stored_id(topic); }
  Status maintain() override;
  Status maintain_storage() override;
  std::vector<LogCount> counts() const override { return trimmer_.counts(); }
  const LogOptions& options() const override { return options_; }
  std::string identity() override { return identity_text_; }

  /// For tests: which clients were chosen.
  [[nodiscard]] const ClientConfig& config() const { return config_; }
  /// For tests: everything the others wrote is taken.
  void synchronize();
  [[nodiscard]] std::weak_ptr<void> life() const { return life_; }
  /// For tests: the process dies without a farewell.
  void abandon();

 private:
  KafkaLog(Url url, LogEnvironment& environment, LogOptions options, KafkaTokenSource token);
  Status start();

  LogOptions options_;
  std::string identity_text_;
  std::string unique_;  // of this handle, part of its transactional ids
  std::shared_ptr<void> life_ = std::make_shared<char>();

  // The parts; each is handed those above it that it needs.
  ClientConfig config_;
  Reader reader_;
  GroupPositions group_positions_;
  StateLog state_;
  Topics topics_;
  Groups groups_;
  Positions positions_;
  Identity identity_;
  Visibility visibility_;
  Commits commits_;
  Housekeeping housekeeping_;
  CommandTrimmer trimmer_;
};

/// Test hooks, for a Log that open() made. `life` expires with it.
[[nodiscard]] std::weak_ptr<void> life(Log& log);
void synchronize(Log& log);
void abandon(Log& log);

}  // namespace millrace::log::kafka
