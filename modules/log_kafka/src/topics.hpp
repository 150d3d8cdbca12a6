// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "topic_config.hpp"
#include "topic_numbering.hpp"

namespace millrace::log::kafka {

/// The topics of a log on Kafka: the state says who owns each, the cluster holds their records. A
/// topic of the cluster that the state does not name can be read, too. Thread-safe.
class Topics final : public TopicNumbering {
 public:
  /// All outlive it.
  Topics(const ClientConfig& config, const LogOptions& options, Reader& reader, StateLog& state)
      : TopicNumbering(config, state, reader.ids()), options_(options), reader_(reader) {}

  /// Log::create_topic.
  [[nodiscard]] Result<Topic> create(const TopicSpec& spec, const TopicSettings& settings);
  /// Log::find_topic.
  [[nodiscard]] Result<Topic> find(std::string_view name);
  /// Log::topics.
  [[nodiscard]] Result<std::vector<Topic>> all();
  /// Log::topic_settings.
  [[nodiscard]] Result<TopicSettings> settings(TopicId topic);
  /// Log::alter_topic. Returns when a broker shows the new settings.
  [[nodiscard]] Result<TopicSettings> alter(TopicId topic, std::span<const SettingChange> changes);
  /// Log::add_partitions. Returns when a broker shows them.
  [[nodiscard]] Result<Topic> add_partitions(TopicId topic, std::int32_t total);
  /// Log::delete_topic. In Kafka first: when it fails between, to delete it again completes it.
  [[nodiscard]] Status remove(TopicId topic);
  /// Log::tombstone_retention_ms.
  [[nodiscard]] Result<std::optional<std::int64_t>> tombstone_retention_ms(TopicId topic);

 private:
  [[nodiscard]] std::optional<Topic> known(std::string_view name) const;
  [[nodiscard]] bool is_verified(TopicId topic);
  [[nodiscard]] Result<std::optional<Topic>> find_foreign(std::string_view name);
  [[nodiscard]] Status make_in_kafka(const TopicSpec& spec, const TopicSettings& settings,
                                     bool is_known);
  [[nodiscard]] Result<ClusterConfig> settings_in_kafka(const std::string& name);
  [[nodiscard]] Status add_in_kafka(const std::string& name, std::int32_t total);
  [[nodiscard]] Result<std::int32_t> await_partitions(const std::string& name, std::int32_t least,
                                                      std::int64_t until_ns);
  [[nodiscard]] Status verify(const TopicSpec& spec, std::int32_t partitions, bool is_known);
  [[nodiscard]] std::int64_t deadline_ns() const;

  const LogOptions& options_;
  Reader& reader_;
  Mutex verified_mutex_;
  // Numbers of topics whose settings in Kafka were looked at.
  std::set<std::int32_t> verified_ MILLRACE_GUARDED_BY(verified_mutex_);
};

}  // namespace millrace::log::kafka
