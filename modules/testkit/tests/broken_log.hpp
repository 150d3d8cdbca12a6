// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/log/log.hpp"

namespace millrace::testkit {

/// How a log, or an engine over it, may be broken.
enum class Broken : std::uint8_t {
  late_positions,  ///< the positions of a transaction count from the next one on: not with its
                   ///< records
  commits_twice,   ///< some transactions take effect twice
  drops_records,   ///< of some transactions only the positions count
  shows_no_more    ///< what is in a topic of others beyond some offset is never shown
};

/// What the handles of one log that is broken know together. Thread-safe.
class Breakage {
 public:
  explicit Breakage(Broken broken) : broken_(broken) {}
  [[nodiscard]] Broken broken() const { return broken_; }
  /// The transaction is committed.
  void committed(const log::Transaction& transaction);
  /// The position that the log shows, of the one that it has.
  [[nodiscard]] std::optional<log::Offset> shown(log::GroupId group, log::TopicPartition partition,
                                                 std::optional<log::Offset> position);
  /// The transaction in hand, which has records, is one that is treated otherwise.
  [[nodiscard]] bool strikes();

 private:
  Broken broken_;
  std::mutex mutex_;
  std::map<std::pair<log::GroupId, log::TopicPartition>, std::optional<log::Offset>> before_;
  std::map<std::pair<log::GroupId, log::TopicPartition>, log::Offset> last_;
  int commits_ = 0;
};

/// A handle of a log that breaks a promise. For logs in memory and in a directory: what only a
/// cluster has is not passed on.
class BrokenLog final : public log::Log {
 public:
  BrokenLog(std::unique_ptr<log::Log> inner, std::shared_ptr<Breakage> breakage)
      : inner_(std::move(inner)), breakage_(std::move(breakage)) {}

  Result<log::Topic> create_topic(const log::TopicSpec& spec,
                                  const log::TopicSettings& settings) override {
    return inner_->create_topic(spec, settings);
  }
  Result<log::TopicSettings> topic_settings(log::TopicId topic) override {
    return inner_->topic_settings(topic);
  }
  Result<log::TopicSettings> alter_topic(log::TopicId topic,
                                         std::span<const log::SettingChange> changes) override {
    return inner_->alter_topic(topic, changes);
  }
  Result<log::Topic> add_partitions(log::TopicId topic, std::int32_t total) override {
    return inner_->add_partitions(topic, total);
  }
  Status delete_topic(log::TopicId topic) override { return inner_->delete_topic(topic); }
  Result<log::Topic> find_topic(std::string_view name) override { return inner_->find_topic(name); }
  Result<std::vector<log::Topic>> topics() override { return inner_->topics(); }
  Result<log::Committed> commit(log::Transaction& transaction) override;
  Status fetch(log::TopicPartition partition, log::Offset from, std::size_t max_bytes,
               log::FetchBuffer& buffer) override;
  Result<log::Offset> start_offset(log::TopicPartition partition) override {
    return inner_->start_offset(partition);
  }
  Result<log::Offset> end_offset(log::TopicPartition partition) override {
    return inner_->end_offset(partition);
  }
  Result<std::optional<log::Offset>> find_time(log::TopicPartition partition,
                                               std::int64_t time_ms) override {
    return inner_->find_time(partition, time_ms);
  }
  std::unique_ptr<log::Waiter> waiter() override { return inner_->waiter(); }
  log::LogPosition committed() override { return inner_->committed(); }
  log::LogPosition durable() override { return inner_->durable(); }
  Status wait_durable(log::LogPosition position) override { return inner_->wait_durable(position); }
  Result<log::GroupId> group(std::string_view name) override { return inner_->group(name); }
  Result<std::optional<log::Offset>> position(log::GroupId group,
                                              log::TopicPartition partition) override;
  Result<std::vector<std::optional<log::Offset>>> positions(
      log::GroupId group, std::span<const log::TopicPartition> partitions) override;
  Result<std::unique_ptr<log::Membership>> join(log::GroupId group,
                                                std::vector<std::string> tasks) override {
    return inner_->join(group, std::move(tasks));
  }
  Result<std::vector<log::GroupInfo>> groups() override { return inner_->groups(); }
  Status maintain() override { return inner_->maintain(); }
  const log::LogOptions& options() const override { return inner_->options(); }
  std::string identity() override { return inner_->identity(); }
  log::Lineage lineage() override { return inner_->lineage(); }
  Status check_past(log::Lineage lineage, log::LogPosition position) override {
    return inner_->check_past(lineage, position);
  }

 private:
  [[nodiscard]] Result<log::Committed> commit_positions(log::Transaction& transaction);

  std::unique_ptr<log::Log> inner_;
  std::shared_ptr<Breakage> breakage_;
};

}  // namespace millrace::testkit
