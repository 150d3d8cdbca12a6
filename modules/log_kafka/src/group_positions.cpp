// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "group_positions.hpp"

#include <algorithm>
#include <utility>

#include "admin.hpp"
#include "units.hpp"

namespace millrace::log::kafka {

Result<std::vector<GroupPosition>> GroupPositions::find(const std::string& group,
                                                        std::vector<KafkaPartition> partitions,
                                                        std::int64_t deadline_ns) {
  std::ranges::sort(partitions);
  partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
  if (config_.uses_wire_client()) {
    return by_wire_.find(group, {.partitions = &partitions, .stable = true}, deadline_ns);
  }
  MILLRACE_ASSIGN(rd_kafka_t* const asked, client(group));
  const std::int64_t left_ms = (deadline_ns - config_.clock().monotonic_ns()) / ms;
  return group_positions(
      asked, group, partitions,
      static_cast<int>(std::clamp<std::int64_t>(left_ms, 1, config_.timeout_ms())));
}

Result<std::vector<GroupPosition>> GroupPositions::all(const std::string& group) {
  if (config_.uses_wire_client()) {
    return by_wire_.find(group, {}, config_.clock().monotonic_ns() + config_.timeout_ms() * ms);
  }
  MILLRACE_ASSIGN(rd_kafka_t* const asked, client(group));
  return all_group_positions(asked, group, config_.timeout_ms());
}

// librdkafka asks for positions on behalf of any group, but when the response is NOT_COORDINATOR it
// looks for the coordinator of the client's own group, and without one it follows a null pointer
// (issue 5040 of librdkafka, in 2.0.2 and later). So the client has a group, that of the first
// question, on which it has rights: it joins none, and any will do. A client that never asks for
// positions has none, because with a group it would connect to the coordinator at once.
Result<rd_kafka_t*> GroupPositions::client(const std::string& group) {
  const MutexLock lock(mutex_);
  if (client_ == nullptr) {
    MILLRACE_ASSIGN(client_, config_.make(RD_KAFKA_CONSUMER, {{"group.id", group}},
                                          {{"enable.auto.commit", "false"}}, events_));
  }
  rd_kafka_poll(client_.get(), 0);
  return client_.get();
}

}  // namespace millrace::log::kafka
