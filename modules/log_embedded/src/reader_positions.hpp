// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint.hpp"
#include "millrace/log/types.hpp"
#include "topic_limits.hpp"

namespace millrace::log::embedded {

/// Finds the offset from which on a partition must keep its records for groups
/// (TopicLimits::waits_for_readers): the smallest position of the groups that count. Not
/// thread-safe.
class ReaderPositions {
 public:
  /// A partition of interest; its limits outlive this.
  void add(TopicPartition partition, const TopicLimits& limits);
  /// Reads all positions once. The work grows with the numbers of positions and partitions.
  /// `groups`: names by number.
  void take(std::span<const PositionRecord> positions, const std::vector<std::string>& groups);
  /// No value: no group needs records of the partition.
  [[nodiscard]] std::optional<Offset> kept_from(TopicPartition partition) const;

 private:
  struct Reader {
    std::string_view prefix;  // of the groups that count; empty: all
    bool is_known = false;    // one of them has a position
    std::optional<Offset> smallest;
  };

  std::unordered_map<TopicPartition, Reader> readers_;
};

}  // namespace millrace::log::embedded
