// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "merged_reader.hpp"

#include <algorithm>
#include <tuple>

namespace millrace::cli {

namespace {

// Of one partition; less when there are so many that they would take more than that in memory.
constexpr std::size_t fetch_bytes = 256U << 10U;
constexpr std::size_t fetch_bytes_min = 4U << 10U;
constexpr std::size_t all_bytes = 64U << 20U;

}  // namespace

MergedReader::MergedReader(log::Log& log, const std::vector<Start>& starts) : log_(log) {
  for (const Start& start : starts) {
    cursors_.push_back(std::make_unique<Cursor>());
    cursors_.back()->start = start;
  }
}

Status MergedReader::refill(Cursor& cursor) {
  const auto& batches = cursor.buffer.batches;
  while (true) {
    // Compaction leaves batches without a record.
    while (cursor.batch < batches.size() && batches[cursor.batch].count == 0)
      ++cursor.batch;
    if (cursor.batch < batches.size() || cursor.at_end) return {};
    cursor.batch = 0;
    cursor.record = 0;
    cursor.buffer.batches.clear();
    const log::TopicPartition partition{cursor.start.topic->id, cursor.start.partition};
    const std::size_t bytes = std::clamp(all_bytes / cursors_.size(), fetch_bytes_min, fetch_bytes);
    if (Status read = log_.fetch(partition, cursor.start.from, bytes, cursor.buffer); !read) {
      return fail(read.error().at(cursor.start.topic->spec.name));
    }
    cursor.start.from = cursor.buffer.next;
    cursor.at_end = batches.empty();
  }
}

// Which of two partitions has the later record next.
bool MergedReader::is_later(const Cursor* one, const Cursor* other) {
  const auto rank = [](const Cursor& cursor) {
    const std::uint64_t position = cursor.buffer.batches[cursor.batch].position.position;
    const std::int64_t time_ms =
        position == 0 ? cursor.buffer.records[cursor.record].timestamp_ms : 0;
    return std::tuple(position, time_ms, cursor.start.topic->id, cursor.start.partition);
  };
  return rank(*one) > rank(*other);
}

Status MergedReader::read(const Visitor& visit) {
  // What was committed before the first fetch is seen by every fetch; only so far is the order
  // known.
  const log::LogPosition bound = log_.committed();
  const auto has_record = [](const Cursor& cursor) {
    return cursor.batch < cursor.buffer.batches.size();
  };
  // A heap: the earliest is in front.
  std::vector<Cursor*> next;
  for (const auto& cursor : cursors_) {
    cursor->at_end = false;
    MILLRACE_TRY(refill(*cursor));
    if (has_record(*cursor)) next.push_back(cursor.get());
  }
  std::make_heap(next.begin(), next.end(), is_later);
  while (!next.empty()) {
    std::pop_heap(next.begin(), next.end(), is_later);
    Cursor* const cursor = next.back();
    const log::FetchedBatch batch = cursor->buffer.batches[cursor->batch];
    if (batch.position.position > bound.position) break;
    const log::RecordView& record = cursor->buffer.records[cursor->record];
    if (++cursor->record >= batch.first + batch.count) ++cursor->batch;
    if (!visit({*cursor->start.topic, cursor->start.partition, batch.position, record})) return {};
    MILLRACE_TRY(refill(*cursor));
    if (has_record(*cursor)) {
      std::push_heap(next.begin(), next.end(), is_later);
    } else {
      next.pop_back();
    }
  }
  return {};
}

std::vector<log::Interest> MergedReader::interests() const {
  std::vector<log::Interest> interests;
  for (const auto& cursor : cursors_) {
    // What was read ahead, and is not visited yet, is there already.
    const bool ahead = cursor->batch < cursor->buffer.batches.size();
    interests.push_back(
        {{cursor->start.topic->id, cursor->start.partition},
         ahead ? cursor->buffer.records[cursor->record].offset : cursor->start.from});
  }
  return interests;
}

}  // namespace millrace::cli
