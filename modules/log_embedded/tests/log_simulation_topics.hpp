// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "log_simulation_world.hpp"

namespace millrace::log {

/// A topic that is created, written, gets partitions, is deleted and created again under its name,
/// and what readers have to find: records of the topic that has the name, each in its partition,
/// and nothing of one that was deleted.
class LogSimulationTopics : public LogSimulationWorld {
 protected:
  /// Another machine with a new log, on which no topic had the name.
  void begin(std::uint64_t seed);
  /// Creates the topic when it is not there; else writes to it, adds a partition, or deletes it.
  void use_passing_topic(SimulatedMember& one);
  /// What a reader of the log finds.
  void check_passing_topic(Log& log);

 private:
  /// Of the topic that has the name: what is durable, while nobody tried to delete it.
  struct Lasting {
    TopicId topic;
    std::int32_t partitions = 1;
    std::map<PartitionId, std::size_t> records;
  };

  Lasting& lasting(TopicId topic);
  void write_passing(SimulatedMember& one, const Topic& topic);
  void add_partition_to_passing(SimulatedMember& one, const Topic& topic);
  void check_passing_partition(Log& log, TopicPartition partition);
  void delete_passing(SimulatedMember& one, TopicId topic);

  /// Of a call that names the topic.
  void expect_allowed_for(const SimulatedMember& one, TopicId topic, const Error& error);

  std::set<TopicId> begun_;    ///< deletions that were tried
  std::set<TopicId> deleted_;  ///< durably
  std::optional<Lasting> lasting_;
  /// So many that one sync is for all their files, or few.
  std::int32_t passing_partitions_ = 1;
  std::int64_t passing_sequence_ = 0;
};

}  // namespace millrace::log
