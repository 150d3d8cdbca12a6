// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "find_time.hpp"

#include <algorithm>

#include "fetch.hpp"
#include "millrace/log/backend/time_scan.hpp"
#include "millrace/log/errors.hpp"
#include "read_segments.hpp"

namespace millrace::log::embedded {
namespace {

using Found = std::optional<Offset>;

std::string settled_path(LogParts& log, TopicPartition partition) {
  const auto topic = log.topics.topic(partition.topic);
  return settled_directory(log.directory.path(), topic ? (*topic)->topic.spec.name : "?",
                           partition.partition.value);
}

/// In what is settled from `start` on.
Result<Found> find_settled(LogParts& log, TopicPartition partition, std::int64_t time_ms,
                           Offset start, Offset end) {
  auto found = read_segments(log, partition, [&](SegmentReader& reader) -> Result<Found> {
    if (!reader.start() || *reader.start() > start) {
      return fail(errc::corrupt,
                  "{}: the segment that holds offset {} is missing; restore it from a backup",
                  settled_path(log, partition), start.value);
    }
    return reader.find_time(time_ms, end, start);
  });
  if (!found || !*found || **found >= start) {
    return found;
  }
  // It is no longer kept; of what is, nothing is known but that it lies behind.
  FetchBuffer buffer;
  for (Offset from = start; from < end; from = buffer.next) {
    MILLRACE_TRY(fetch_records(log, partition, from, 1, buffer));
    if (const auto first = first_at_time(buffer.records, time_ms)) {
      return first;
    }
  }
  return Found();
}

/// In the journal, from an offset on.
Result<Found> find_unsettled(LogParts& log, TopicPartition partition, const PartitionRow& row,
                             const VisibleEnd& visible, std::int64_t time_ms, std::int64_t from) {
  FetchBuffer buffer;
  while (from < visible.end) {
    MILLRACE_ASSIGN(const std::uint64_t first, log.index.find(row, visible.count, from));
    MILLRACE_ASSIGN(const std::uint64_t late,
                    log.index.first_at_time(row, first, visible.count, time_ms));
    if (late == visible.count) {
      break;
    }
    if (late > first) {
      MILLRACE_ASSIGN(const IndexEntry before, log.index.at(row, late - 1));
      from = before.end;
    }
    MILLRACE_TRY(fetch_records(log, partition, offset(from), 1, buffer));
    if (const auto found = first_at_time(buffer.records, time_ms)) {
      return found;
    }
    // The late one of the batch lies before the first offset that is kept.
    from = buffer.next.value;
  }
  return Found();
}

Result<Found> find_from(LogParts& log, TopicPartition partition, const PartitionRow& row,
                        std::int64_t time_ms, std::int64_t start) {
  MILLRACE_ASSIGN(const VisibleEnd visible, visible_end(log, row));
  // What is settled after this look is found in the journal's index all the same.
  const std::int64_t settled = std::min(row.settled.load(std::memory_order_acquire), visible.end);
  if (start < settled) {
    MILLRACE_ASSIGN(const Found found,
                    find_settled(log, partition, time_ms, offset(start), offset(settled)));
    if (found) {
      return found;
    }
  }
  return find_unsettled(log, partition, row, visible, time_ms, std::max(start, settled));
}

}  // namespace

Result<std::optional<Offset>> find_time(LogParts& log, TopicPartition partition,
                                        std::int64_t time_ms) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_ASSIGN(const PartitionRow* row, log.topics.row(partition));
  while (true) {
    const std::int64_t start = row->start_offset.load(std::memory_order_acquire);
    auto found = find_from(log, partition, *row, time_ms, start);
    // Retention may have removed meanwhile what was read; then the first offset rose before.
    if (found || start == row->start_offset.load(std::memory_order_acquire)) {
      return found;
    }
  }
}

}  // namespace millrace::log::embedded
