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
#include "state_log.hpp"
#include "topic_config.hpp"
#include "topic_ids.hpp"

namespace millrace::log::kafka {

/// The topics of a log on Kafka: the state says who owns each, the cluster holds their records. A
/// topic of the cluster that the state does not name can be read, too; each handle numbers those by
/// itself. Thread-safe.
class Topics {
 public:
  /// All outlive it.
  Topics(const ClientConfig& config, const LogOptions& options, Reader& reader, StateLog& state)
      : config_(config), options_(options), reader_(reader), state_(state), ids_(reader.ids()) {}

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
  /// Log::tombstone_retention_ms.
  [[nodiscard]] Result<std::optional<std::int64_t>> tombstone_retention_ms(TopicId topic);

  /// What log::stored_topic_id() returns: 0 where the cluster gives no ids, and for a topic that
  /// was not found.
  [[nodiscard]] std::uint64_t stored_id(TopicId topic);

  /// The topic's spec when topic and partition exist, as far as is known here.
  /// errc::unknown_topic, unknown_partition.
  [[nodiscard]] Result<TopicSpec> spec_of(TopicPartition partition) const;
  /// The same after a look at what others made, with the id of the topic. errc::topic_replaced when
  /// it was deleted, unavailable while that is not sure.
  [[nodiscard]] Result<KafkaPartition> partition_in_kafka(TopicPartition partition);
  /// What an error of a request about the partition means: errc::topic_replaced when the topic was
  /// deleted, unavailable when it is there and a broker does not know that.
  [[nodiscard]] Error explain(TopicPartition partition, Error error);
  [[nodiscard]] Result<std::vector<KafkaPartition>> partitions_in_kafka(
      std::span<const TopicPartition> partitions);

 private:
  [[nodiscard]] std::optional<Topic> known(std::string_view name) const;
  [[nodiscard]] TopicIds::Number number_of(TopicId topic, const TopicSpec& spec) const {
    return {topic.value, config_.in_kafka(spec.name)};
  }
  /// The topic with the number that this handle has for it since the one of before was deleted.
  [[nodiscard]] Topic current(Topic topic);
  [[nodiscard]] Result<Topic> bind(Topic topic);
  [[nodiscard]] std::optional<Topic> known_foreign(std::string_view name) const
      MILLRACE_REQUIRES(mutex_);
  [[nodiscard]] Result<std::optional<Topic>> find_foreign(std::string_view name);
  [[nodiscard]] Status make_in_kafka(const TopicSpec& spec, const TopicSettings& settings,
                                     bool is_known);
  [[nodiscard]] Result<ClusterConfig> settings_in_kafka(const std::string& name);
  [[nodiscard]] Status add_in_kafka(const std::string& name, std::int32_t total);
  [[nodiscard]] Result<std::int32_t> await_partitions(const std::string& name, std::int32_t least,
                                                      std::int64_t until_ns);
  [[nodiscard]] Status verify(const TopicSpec& spec, std::int32_t partitions, bool is_known);
  [[nodiscard]] std::int64_t deadline_ns() const;

  const ClientConfig& config_;
  const LogOptions& options_;
  Reader& reader_;
  StateLog& state_;
  TopicIds& ids_;

  mutable Mutex mutex_;
  // Topics that the state does not name, from first_foreign on.
  std::vector<TopicSpec> foreign_ MILLRACE_GUARDED_BY(mutex_);
  // Numbers whose topics were deleted by tools of the cluster: the further ones of this handle for
  // the topic that has the name, from first_again on. The state has one number for all of them.
  std::vector<TopicId> again_ MILLRACE_GUARDED_BY(mutex_);
  // Topics whose settings in Kafka were looked at.
  std::set<std::string> verified_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
