// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "fetch.hpp"

#include <algorithm>
#include <cstring>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "read_segments.hpp"

namespace millrace::log::embedded {
namespace {

// Batches that are this near to each other are read together with the bytes between them, which is
// cheaper than another call.
constexpr std::uint64_t near_bytes = 8192;
// The bytes between them may be this many times the wanted bytes.
constexpr std::uint64_t waste_factor = 2;

/// A range of the journal that is read at once.
struct Stretch {
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  std::size_t first = 0;  ///< of its batches in the plan
};

struct Plan {
  std::vector<IndexEntry> batches;
  std::vector<Stretch> stretches;
  std::uint64_t bytes = 0;
  void clear() {
    batches.clear();
    stretches.clear();
    bytes = 0;
  }
};

Status make_plan(LogParts& log, const PartitionRow& row, std::uint64_t first, std::uint64_t count,
                 std::size_t max_bytes, Plan& plan) {
  std::uint64_t wanted = 0;
  std::uint64_t segment_end = 0;
  for (std::uint64_t i = first; i < count; ++i) {
    MILLRACE_ASSIGN(const IndexEntry entry, log.index.at(row, i));
    const std::uint64_t start = entry.position - batch_prefix_bytes;
    const std::uint64_t bytes = entry.bytes + std::uint64_t{batch_prefix_bytes};
    if (!plan.batches.empty() && wanted + bytes > max_bytes) {
      break;
    }
    const std::uint64_t gap =
        plan.stretches.empty()
            ? 0
            : start - (plan.stretches.back().position + plan.stretches.back().bytes);
    const bool joins = !plan.stretches.empty() && start < segment_end && gap <= near_bytes &&
                       plan.bytes + gap <= (wanted + bytes) * waste_factor + near_bytes;
    if (joins) {
      plan.stretches.back().bytes += gap + bytes;
      plan.bytes += gap + bytes;
    } else {
      segment_end = log.journal.bounds_of(start).end;
      plan.stretches.push_back({start, bytes, plan.batches.size()});
      plan.bytes += bytes;
    }
    wanted += bytes;
    plan.batches.push_back(entry);
  }
  return {};
}

std::unexpected<Error> damaged(LogParts& log, std::uint64_t position) {
  return fail(errc::corrupt,
              "{}: the batch at position {} does not check; run `millrace log verify`",
              log.journal.path_of(position), position);
}

/// Decodes a batch that was checked; `commit_end` is where its commit ends in the journal.
Status add_records(LogParts& log, std::string_view batch, std::uint64_t commit_end,
                   std::int64_t from, FetchBuffer& buffer) {
  MILLRACE_ASSIGN(const RecordBatchHeader header, read_batch_header(batch));
  const std::size_t first = buffer.records.size();
  MILLRACE_TRY(decode_batch(batch, buffer.records));
  if (header.base_offset.value < from) {
    const auto begin = buffer.records.begin() + static_cast<std::ptrdiff_t>(first);
    buffer.records.erase(
        begin, std::find_if(begin, buffer.records.end(), [from](const RecordView& record) {
          return record.offset.value >= from;
        }));
  }
  buffer.batches.push_back(
      {{log.directory.control().incarnation, commit_end}, first, buffer.records.size() - first});
  buffer.next = offset(header.base_offset.value + header.last_offset_delta).next();
  return {};
}

/// Checks and decodes the batch that lies at `bytes` (which begins with its prefix).
Status take_batch(LogParts& log, const IndexEntry& entry, std::string_view bytes, std::int64_t from,
                  FetchBuffer& buffer) {
  std::uint32_t prefix[2];
  if (bytes.size() < sizeof prefix + record_batch_header_bytes) {
    return damaged(log, entry.position);
  }
  std::memcpy(prefix, bytes.data(), sizeof prefix);
  bytes.remove_prefix(sizeof prefix);
  const auto header = read_batch_header(bytes);
  if (prefix[1] != ~prefix[0] || !header || header->bytes > bytes.size() ||
      header->base_offset.value + header->last_offset_delta + 1 != entry.end) {
    return damaged(log, entry.position);
  }
  const std::string_view batch = bytes.substr(0, header->bytes);
  if (!batch_checksum_holds(batch)) {
    return damaged(log, entry.position);
  }
  return add_records(log, batch, entry.position + prefix[0], from, buffer);
}

Status read_plan(LogParts& log, const Plan& plan, std::int64_t from, FetchBuffer& buffer) {
  buffer.bytes.resize_and_overwrite(plan.bytes, [](char*, std::size_t size) { return size; });
  std::uint64_t at = 0;
  for (std::size_t s = 0; s < plan.stretches.size(); ++s) {
    const Stretch& stretch = plan.stretches[s];
    MILLRACE_ASSIGN(const std::size_t got,
                    log.journal.read(stretch.position, buffer.bytes.data() + at, stretch.bytes));
    const std::string_view bytes = std::string_view(buffer.bytes).substr(at, got);
    const std::size_t end =
        s + 1 < plan.stretches.size() ? plan.stretches[s + 1].first : plan.batches.size();
    for (std::size_t i = stretch.first; i < end; ++i) {
      const IndexEntry& entry = plan.batches[i];
      const std::uint64_t start = entry.position - batch_prefix_bytes - stretch.position;
      if (start > bytes.size()) {
        return damaged(log, entry.position);
      }
      MILLRACE_TRY(take_batch(log, entry, bytes.substr(start, entry.bytes + batch_prefix_bytes),
                              from, buffer));
    }
    at += stretch.bytes;
  }
  return {};
}

/// `from` is settled nowhere, and lies before the end of the last of `count` entries.
Status fetch_unsettled(LogParts& log, const PartitionRow& row, std::uint64_t count, Offset from,
                       std::size_t max_bytes, FetchBuffer& buffer) {
  MILLRACE_FAULT_POINT("fetch.unsettled");
  static thread_local Plan plan;
  plan.clear();
  MILLRACE_ASSIGN(const std::uint64_t first, log.index.find(row, count, from.value));
  MILLRACE_TRY(log.segments.refresh());
  MILLRACE_TRY(make_plan(log, row, first, count, max_bytes, plan));
  return read_plan(log, plan, from.value, buffer);
}

/// `from` lies before `end`, up to where the partition is settled.
Status fetch_settled(LogParts& log, TopicPartition partition, Offset from, Offset end,
                     std::size_t max_bytes, FetchBuffer& buffer) {
  static thread_local SettledBatches read;
  const Status done = read_segments(log, partition, [&](SegmentReader& reader) {
    return reader.read(from, end, max_bytes, read);
  });
  if (!done) {
    // Retention says durably what it is about to remove: then this is not the error that is shown.
    return done.error().is(errc::out_of_range)
               ? fail(errc::corrupt, "{}; restore it from a backup", done.error().message())
               : done;
  }
  buffer.bytes.swap(read.memory);
  for (const SettledBatches::Batch& batch : read.batches) {
    const std::string_view bytes =
        std::string_view(buffer.bytes).substr(batch.at, batch.header.bytes);
    MILLRACE_TRY(add_records(log, bytes, batch.commit.position.position, from.value, buffer));
  }
  // Behind the last batch, or what compaction took.
  buffer.next = read.next;
  return {};
}

std::unexpected<Error> fail_out_of_range(LogParts& log, TopicPartition partition, Offset from,
                                         std::int64_t start, const VisibleEnd& visible) {
  const auto topic = log.topics.topic(partition.topic);
  return topic ? fail(out_of_range_error((*topic)->topic.spec.name, partition.partition, from,
                                         offset(start), offset(visible.end)))
               : fail(topic.error());
}

/// Continues at buffer.next, wherever that lies. Finds no record when a compaction took all of
/// them.
Status fetch_some(LogParts& log, TopicPartition partition, const PartitionRow& row,
                  const VisibleEnd& visible, std::size_t max_bytes, FetchBuffer& buffer) {
  const Offset from = buffer.next;
  while (from.value < visible.end) {
    const std::int64_t settled = row.settled.load(std::memory_order_acquire);
    if (from.value < settled) {
      // No record after the end that was read before.
      const Offset end = offset(std::min(settled, visible.end));
      return fetch_settled(log, partition, from, end, max_bytes, buffer);
    }
    Status fetched = fetch_unsettled(log, row, visible.count, from, max_bytes, buffer);
    // Batches that were settled meanwhile may be removed from the journal; then they are in the
    // settled segments.
    if (fetched || from.value >= row.settled.load(std::memory_order_acquire)) {
      return fetched;
    }
    buffer.records.clear();
    buffer.batches.clear();
    buffer.next = from;
  }
  return {};
}

}  // namespace

Result<VisibleEnd> visible_end(LogParts& log, const PartitionRow& row) {
  VisibleEnd visible;
  visible.count = row.count.load(std::memory_order_seq_cst);
  const std::uint64_t committed = log.directory.control().committed.load(std::memory_order_seq_cst);
  while (visible.count > 0) {
    MILLRACE_ASSIGN(const IndexEntry last, log.index.at(row, visible.count - 1));
    if (last.position < committed) {
      visible.end = last.end;
      return visible;
    }
    visible.count -= 1;
  }
  visible.end = Index::base(row);
  return visible;
}

Status fetch_records(LogParts& log, TopicPartition partition, Offset from, std::size_t max_bytes,
                     FetchBuffer& buffer) {
  buffer.records.clear();
  buffer.batches.clear();
  buffer.bytes.clear();
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_ASSIGN(const PartitionRow* row, log.topics.row(partition));
  MILLRACE_ASSIGN(const VisibleEnd visible, visible_end(log, *row));
  buffer.next = from;
  buffer.end = offset(visible.end);
  Status fetched;
  do {
    const std::int64_t start = row->start_offset.load(std::memory_order_acquire);
    if (from.value < start || from.value > visible.end) {
      buffer.records.clear();
      buffer.batches.clear();
      return fail_out_of_range(log, partition, from, start, visible);
    }
    buffer.batches.clear();
    fetched = fetch_some(log, partition, *row, visible, max_bytes, buffer);
    // Retention may have removed the record meanwhile; then the first offset was raised before.
  } while (fetched ? buffer.records.empty() && buffer.next < buffer.end
                   : from.value < row->start_offset.load(std::memory_order_acquire));
  if (!fetched) {
    // The segments disappear when the topic is deleted meanwhile.
    MILLRACE_TRY(log.topics.topic(partition.topic));
  }
  return fetched;
}

}  // namespace millrace::log::embedded
