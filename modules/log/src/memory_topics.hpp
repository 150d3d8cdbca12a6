// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/topic_settings.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::log {

/// The topics of a memory log and what is in them. Not thread-safe.
class MemoryTopics {
 public:
  struct StoredBatch {
    Offset first;
    Offset last;
    LogPosition position;
    std::string bytes;
    std::int64_t latest_ms = 0;  ///< of this batch and all before it: rises
  };
  struct StoredPartition {
    std::vector<StoredBatch> batches;
    Offset end;
  };
  struct StoredTopic {
    Topic topic;
    TopicSettings settings;
    std::vector<StoredPartition> partitions;
    bool deleted = false;  ///< then it has no partitions
  };

  /// Log::create_topic, of a handle of that service.
  [[nodiscard]] Result<Topic> create(const TopicSpec& spec, const TopicSettings& settings,
                                     std::string_view service);
  /// Log::add_partitions.
  [[nodiscard]] Result<Topic> add_partitions(TopicId id, std::int32_t total,
                                             std::string_view service);
  /// Log::delete_topic.
  [[nodiscard]] Status remove(TopicId id, std::string_view service);
  /// Log::find_topic.
  [[nodiscard]] Result<Topic> find(std::string_view name) const;
  /// Log::topics.
  [[nodiscard]] std::vector<Topic> all() const;
  [[nodiscard]] bool is_deleted(TopicId id) const;
  /// errc::unknown_topic, topic_replaced.
  [[nodiscard]] Result<StoredTopic*> topic(TopicId id);
  [[nodiscard]] Result<const StoredTopic*> topic(TopicId id) const;
  /// The same, and errc::unknown_partition.
  [[nodiscard]] Status check(TopicPartition partition) const;
  /// Of a partition that was checked.
  [[nodiscard]] StoredPartition& at(TopicPartition partition);

 private:
  [[nodiscard]] bool knows(TopicId id) const;

  std::deque<StoredTopic> topics_;  // by id
  std::map<std::string, TopicId, std::less<>> ids_;
};

}  // namespace millrace::log
