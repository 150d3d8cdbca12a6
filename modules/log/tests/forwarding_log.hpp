// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// Passes all calls on to another log, which outlives it. A test overrides what is to differ.
class ForwardingLog : public Log {
 public:
  explicit ForwardingLog(Log& inner) : inner_(inner) {}

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override {
    return inner_.create_topic(spec, settings);
  }
  Result<TopicSettings> topic_settings(TopicId topic) override {
    return inner_.topic_settings(topic);
  }
  Result<TopicSettings> alter_topic(TopicId topic,
                                    std::span<const SettingChange> changes) override {
    return inner_.alter_topic(topic, changes);
  }
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override {
    return inner_.add_partitions(topic, total);
  }
  Status delete_topic(TopicId topic) override { return inner_.delete_topic(topic); }
  Result<Topic> find_topic(std::string_view name) override { return inner_.find_topic(name); }
  Result<std::vector<Topic>> topics() override { return inner_.topics(); }
  Result<Committed> commit(Transaction& transaction) override { return inner_.commit(transaction); }
  Status wait_visible(const Committed& committed, std::int64_t deadline_ns) override {
    return inner_.wait_visible(committed, deadline_ns);
  }
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    return inner_.fetch(partition, from, max_bytes, buffer);
  }
  Result<Offset> start_offset(TopicPartition partition) override {
    return inner_.start_offset(partition);
  }
  Result<Offset> end_offset(TopicPartition partition) override {
    return inner_.end_offset(partition);
  }
  Result<std::vector<Offset>> start_offsets(std::span<const TopicPartition> partitions) override {
    return inner_.start_offsets(partitions);
  }
  Result<std::vector<Offset>> end_offsets(std::span<const TopicPartition> partitions) override {
    return inner_.end_offsets(partitions);
  }
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override {
    return inner_.find_time(partition, time_ms);
  }
  Result<std::vector<std::optional<Offset>>> find_times(std::span<const TopicPartition> partitions,
                                                        std::int64_t time_ms) override {
    return inner_.find_times(partitions, time_ms);
  }
  std::unique_ptr<Waiter> waiter() override { return inner_.waiter(); }
  LogPosition committed() override { return inner_.committed(); }
  LogPosition durable() override { return inner_.durable(); }
  Status wait_durable(LogPosition position) override { return inner_.wait_durable(position); }
  Result<GroupId> group(std::string_view name) override { return inner_.group(name); }
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override {
    return inner_.position(group, partition);
  }
  Result<std::vector<std::optional<Offset>>> positions(
      GroupId group, std::span<const TopicPartition> partitions) override {
    return inner_.positions(group, partitions);
  }
  std::optional<std::int64_t> position_retention_ms() const override {
    return inner_.position_retention_ms();
  }
  Result<std::optional<std::int64_t>> tombstone_retention_ms(TopicId topic) override {
    return inner_.tombstone_retention_ms(topic);
  }
  Result<Offset> tombstones_complete_from(TopicPartition partition) override {
    return inner_.tombstones_complete_from(partition);
  }
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override {
    return inner_.join(group, std::move(tasks));
  }
  Result<std::vector<GroupInfo>> groups() override { return inner_.groups(); }
  Status maintain() override { return inner_.maintain(); }
  Status maintain_storage() override { return inner_.maintain_storage(); }
  int death_descriptor() override { return inner_.death_descriptor(); }
  std::vector<LogCount> counts() const override { return inner_.counts(); }
  const LogOptions& options() const override { return inner_.options(); }
  std::optional<std::string> read_only_reason() const override { return inner_.read_only_reason(); }
  std::string identity() override { return inner_.identity(); }
  Lineage lineage() override { return inner_.lineage(); }
  Status check_past(Lineage lineage, LogPosition position) override {
    return inner_.check_past(lineage, position);
  }

 protected:
  [[nodiscard]] Log& inner() { return inner_; }

 private:
  Log& inner_;
};

}  // namespace millrace::log
