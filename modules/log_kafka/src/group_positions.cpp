// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "group_positions.hpp"

#include <algorithm>

#include "units.hpp"

namespace millrace::log::kafka {

Result<std::vector<GroupPosition>> GroupPositions::find(const std::string& group,
                                                        std::vector<KafkaPartition> partitions,
                                                        std::int64_t deadline_ns) {
  std::ranges::sort(partitions);
  partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
  return reader_.find(group, {.partitions = &partitions, .stable = true}, deadline_ns);
}

Result<std::vector<GroupPosition>> GroupPositions::all(const std::string& group) {
  return reader_.find(group, {}, config_.clock().monotonic_ns() + config_.timeout_ms() * ms);
}

}  // namespace millrace::log::kafka
