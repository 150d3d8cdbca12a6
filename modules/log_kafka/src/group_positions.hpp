// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client.hpp"
#include "wire/position_reader.hpp"

namespace millrace::log::kafka {

/// Asks the cluster for the positions of groups, over connections of our own. Thread-safe.
class GroupPositions {
 public:
  /// The configuration outlives it, and so does what its cluster is served by.
  explicit GroupPositions(const ClientConfig& config) : config_(config), reader_(config) {}

  /// The stable positions of a group at these partitions; those that never had one are left out.
  /// errc::unavailable while a transaction that moves them is open, and at the deadline
  /// (Clock::monotonic_ns).
  [[nodiscard]] Result<std::vector<GroupPosition>> find(const std::string& group,
                                                        std::vector<KafkaPartition> partitions,
                                                        std::int64_t deadline_ns);
  /// All positions of a group, for people: open transactions are not waited for. Takes as long as
  /// one request may.
  [[nodiscard]] Result<std::vector<GroupPosition>> all(const std::string& group);
  /// Closes connections that were not used for a while.
  void drop_idle() { reader_.drop_idle(); }

 private:
  const ClientConfig& config_;
  wire::PositionReader reader_;
};

}  // namespace millrace::log::kafka
