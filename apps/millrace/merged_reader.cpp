// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "merged_reader.hpp"

#include <tuple>

namespace millrace::cli {

namespace {

constexpr std::size_t fetch_bytes = 256U << 10U;

}  // namespace

MergedReader::MergedReader(log::Log& log, const std::vector<Start>& starts) : log_(log) {
  for (const Start& start : starts) {
    cursors_.push_back(std::make_unique<Cursor>());
    cursors_.back()->start = start;
  }
}

Status MergedReader::refill(Cursor& cursor) {
  if (cursor.batch < cursor.buffer.batches.size() || cursor.at_end) return {};
  cursor.batch = 0;
  cursor.record = 0;
  cursor.buffer.batches.clear();
  const log::TopicPartition partition{cursor.start.topic->id, cursor.start.partition};
  if (Status read = log_.fetch(partition, cursor.start.from, fetch_bytes, cursor.buffer); !read) {
    return fail(read.error().at(cursor.start.topic->spec.name));
  }
  cursor.start.from = cursor.buffer.next;
  cursor.at_end = cursor.buffer.batches.empty();
  return {};
}

MergedReader::Cursor* MergedReader::first() {
  Cursor* best = nullptr;
  const auto rank = [](const Cursor& cursor) {
    const std::uint64_t position = cursor.buffer.batches[cursor.batch].position.position;
    const std::int64_t time_ms =
        position == 0 ? cursor.buffer.records[cursor.record].timestamp_ms : 0;
    return std::tuple(position, time_ms, cursor.start.topic->id, cursor.start.partition);
  };
  for (const auto& cursor : cursors_) {
    if (cursor->batch == cursor->buffer.batches.size()) continue;
    if (best == nullptr || rank(*cursor) < rank(*best)) best = cursor.get();
  }
  return best;
}

Status MergedReader::read(const Visitor& visit) {
  // What was committed before the first fetch is seen by every fetch; only so far is the order
  // known.
  const log::LogPosition bound = log_.committed();
  for (const auto& cursor : cursors_) {
    cursor->at_end = false;
    MILLRACE_TRY(refill(*cursor));
  }
  while (Cursor* cursor = first()) {
    const log::FetchedBatch batch = cursor->buffer.batches[cursor->batch];
    if (batch.position.position > bound.position) break;
    const log::RecordView& record = cursor->buffer.records[cursor->record];
    if (++cursor->record >= batch.first + batch.count) ++cursor->batch;
    if (!visit({*cursor->start.topic, cursor->start.partition, batch.position, record})) return {};
    MILLRACE_TRY(refill(*cursor));
  }
  return {};
}

std::vector<log::Interest> MergedReader::interests() const {
  std::vector<log::Interest> interests;
  for (const auto& cursor : cursors_) {
    interests.push_back({{cursor->start.topic->id, cursor->start.partition}, cursor->start.from});
  }
  return interests;
}

}  // namespace millrace::cli
