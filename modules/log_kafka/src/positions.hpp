// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "groups.hpp"
#include "millrace/base/mutex.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

/// The positions of groups, which the cluster keeps. It forgets those that nobody commits; the
/// state remembers where there was one, so that it is missed. Thread-safe.
class Positions {
 public:
  /// All outlive it.
  Positions(const ClientConfig& config, GroupPositions& cluster, Reader& reader, StateLog& state,
            Topics& topics, Groups& groups)
      : config_(config),
        cluster_(cluster),
        reader_(reader),
        state_(state),
        topics_(topics),
        groups_(groups) {}

  /// Log::positions. errc::out_of_range for one that the cluster forgot.
  [[nodiscard]] Result<std::vector<std::optional<Offset>>> find(
      GroupId group, std::span<const TopicPartition> partitions);
  /// Notes in the state where the transaction, which was committed, set positions: once for each
  /// partition, so that a position that Kafka forgets is not taken for one that never was. The
  /// commit has succeeded, whatever becomes of this: the next one tries again.
  void note(const Transaction& transaction);

 private:
  /// What the cluster has for each partition.
  struct Found {
    std::vector<std::optional<Offset>> next;
    /// The position is of another topic, which had the name before: nothing of this one was lost.
    std::vector<bool> is_of_another;
  };
  [[nodiscard]] Result<Found> ask(const std::string& group, const std::vector<KafkaPartition>& at);
  [[nodiscard]] std::vector<KafkaPartition> lost(GroupId group,
                                                 const std::vector<KafkaPartition>& at,
                                                 const Found& found) const;
  [[nodiscard]] Error lost_error(const std::string& group,
                                 const std::vector<KafkaPartition>& lost) const;

  const ClientConfig& config_;
  GroupPositions& cluster_;
  Reader& reader_;
  StateLog& state_;
  Topics& topics_;
  Groups& groups_;

  Mutex mutex_;
  // Group, topic, partition: known to the state.
  std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t>> noted_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
