// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/find_key.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

constexpr std::size_t looked_at_bytes = 64U << 10U;

// The first records that are kept.
Status fetch_first(Log& log, TopicPartition partition, FetchBuffer& buffer) {
  MILLRACE_ASSIGN(Offset next, log.start_offset(partition));
  while (true) {
    MILLRACE_ASSIGN(const Offset end, log.end_offset(partition));
    if (next >= end) {
      buffer.records.clear();
      return {};
    }
    const Status fetched = log.fetch(partition, next, looked_at_bytes, buffer);
    if (!fetched && fetched.error().is(errc::out_of_range)) {
      // Retention removed them meanwhile.
      MILLRACE_ASSIGN(next, log.start_offset(partition));
      continue;
    }
    MILLRACE_TRY(fetched);
    if (!buffer.records.empty() || buffer.next <= next) {
      return {};
    }
    // On Kafka a partition may begin with what is no record.
    next = buffer.next;
  }
}

}  // namespace

Result<std::optional<KeyedRecord>> find_key(Log& log, const Topic& topic) {
  FetchBuffer buffer;
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    const TopicPartition at{topic.id, partition(p)};
    MILLRACE_TRY(fetch_first(log, at, buffer));
    const auto keyed =
        std::find_if(buffer.records.begin(), buffer.records.end(),
                     [](const RecordView& record) { return record.key.has_value(); });
    if (keyed != buffer.records.end()) {
      return KeyedRecord{at, keyed->offset};
    }
  }
  return std::nullopt;
}

}  // namespace millrace::log
