// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/messages.hpp"

// OffsetFetch: the positions that a group has committed.
namespace millrace::log::kafka::wire {

/// What is asked of a group.
struct PositionsWanted {
  /// Sorted, each once; null for all that the group has.
  const std::vector<KafkaPartition>* partitions = nullptr;
  /// No position while a transaction that moves it is open: UNSTABLE_OFFSET_COMMIT instead.
  bool stable = false;
};

[[nodiscard]] std::string fetch_positions(std::string_view group, const PositionsWanted& wanted);

struct FetchedPositions {
  PartitionError error;                  ///< of the group, else of its partitions
  std::vector<GroupPosition> positions;  ///< those wanted; without partitions that have none
};
/// No value when the response cannot be read, or is no error and leaves out a partition that is
/// wanted: taken for one without a position, it would be read from its beginning.
[[nodiscard]] std::optional<FetchedPositions> read_positions(std::string_view body,
                                                             const PositionsWanted& wanted);

}  // namespace millrace::log::kafka::wire
