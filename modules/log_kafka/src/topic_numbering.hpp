// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "state_log.hpp"
#include "topic_ids.hpp"

namespace millrace::log::kafka {

/// Which topic each number of a handle stands for: those of the state have its numbers, and each
/// handle numbers the others by itself. Thread-safe.
class TopicNumbering {
 public:
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
  /// The same for a request about several.
  [[nodiscard]] Error explain(std::span<const TopicPartition> partitions, const Error& error);
  [[nodiscard]] Result<std::vector<KafkaPartition>> partitions_in_kafka(
      std::span<const TopicPartition> partitions);

 protected:
  /// All outlive it.
  TopicNumbering(const ClientConfig& config, StateLog& state, TopicIds& ids)
      : config_(config), state_(state), ids_(ids) {}
  ~TopicNumbering() = default;

  // Topics of the cluster that are not ours are numbered from here on, in each handle by itself.
  static constexpr std::int32_t first_foreign = 1 << 24;
  // And from here on those that have the name of a topic that was deleted while the handle used it.
  static constexpr std::int32_t first_again = 1 << 25;

  [[nodiscard]] TopicIds::Number number_of(TopicId topic, const TopicSpec& spec) const {
    return {topic.value, config_.in_kafka(spec.name)};
  }
  /// The number in the state; as it is for topics that the state does not name.
  [[nodiscard]] TopicId in_state(TopicId topic) const;
  /// The topic with the number that this handle has for it since the one of before was deleted.
  [[nodiscard]] Topic current(Topic topic);
  [[nodiscard]] Result<Topic> bind(Topic topic);
  [[nodiscard]] std::optional<Topic> known_foreign(std::string_view name) const
      MILLRACE_REQUIRES(mutex_);

  const ClientConfig& config_;
  StateLog& state_;
  TopicIds& ids_;
  mutable Mutex mutex_;
  // Topics that the state does not name, from first_foreign on.
  std::vector<TopicSpec> foreign_ MILLRACE_GUARDED_BY(mutex_);
  // Numbers whose topics were deleted by tools of the cluster: the further ones of this handle for
  // the topic that has the name, from first_again on. The state has one number for all of them.
  std::vector<TopicId> again_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
