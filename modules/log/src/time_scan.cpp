// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/backend/time_scan.hpp"

#include <algorithm>

namespace millrace::log {
namespace {

constexpr std::size_t scan_bytes = 1U << 20U;

}  // namespace

std::optional<Offset> first_at_time(std::span<const RecordView> records, std::int64_t time_ms) {
  const auto found = std::find_if(records.begin(), records.end(), [&](const RecordView& record) {
    return record.timestamp_ms >= time_ms;
  });
  return found == records.end() ? std::nullopt : std::optional(found->offset);
}

Result<std::optional<Offset>> scan_for_time(Log& log, TopicPartition partition, Offset from,
                                            std::int64_t time_ms) {
  FetchBuffer buffer;
  while (true) {
    MILLRACE_TRY(log.fetch(partition, from, scan_bytes, buffer));
    const auto found = first_at_time(buffer.records, time_ms);
    if (found || buffer.next == from) {
      return found;
    }
    from = buffer.next;
  }
}

}  // namespace millrace::log
