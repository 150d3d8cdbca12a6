// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <utility>
#include <vector>

#include "forwarding_log.hpp"

namespace millrace::log {

/// Before and behind each batch is one without a record, as compaction leaves them.
class HollowLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    MILLRACE_TRY(ForwardingLog::fetch(partition, from, max_bytes, buffer));
    std::vector<FetchedBatch> batches;
    for (const FetchedBatch& batch : buffer.batches) {
      batches.push_back({batch.position, batch.first, 0});
      batches.push_back(batch);
      batches.push_back({batch.position, batch.first + batch.count, 0});
    }
    buffer.batches = std::move(batches);
    return {};
  }
};

}  // namespace millrace::log
