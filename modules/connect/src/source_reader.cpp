// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/source_reader.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace millrace::connect {

namespace {

constexpr std::size_t fetch_bytes_min = 64U << 10U;
constexpr std::size_t fetch_bytes_max = 1U << 20U;

}  // namespace

SourceReader::SourceReader(log::Log& log, const std::vector<Part>& parts, std::size_t buffer_bytes)
    : log_(log),
      fetch_bytes_(std::clamp(buffer_bytes / std::max<std::size_t>(parts.size(), 1),
                              fetch_bytes_min, fetch_bytes_max)) {
  for (const Part& part : parts) {
    cursors_.push_back(std::make_unique<Cursor>());
    cursors_.back()->part = part;
    cursors_.back()->position = part.from;
  }
}

bool SourceReader::goes_after(const Cursor* a, const Cursor* b) {
  return std::tie(a->commit, a->time_ms, a->part.partition) >
         std::tie(b->commit, b->time_ms, b->part.partition);
}

Status SourceReader::refill(Cursor& cursor) {
  cursor.record = 0;
  cursor.batch = 0;
  Part& part = cursor.part;
  while (part.from < part.end) {
    MILLRACE_TRY(log_.fetch(part.source, part.from, fetch_bytes_, cursor.buffer));
    const log::Offset before = part.from;
    part.from = cursor.buffer.next;
    if (!cursor.buffer.records.empty()) return {};
    // Offsets need not be dense: nothing more below the end is the end.
    if (part.from <= before) break;
  }
  cursor.done = true;
  return {};
}

Status SourceReader::advance(Cursor& cursor) {
  if (cursor.record == cursor.buffer.records.size()) MILLRACE_TRY(refill(cursor));
  if (cursor.done) return {};
  const log::RecordView& record = cursor.buffer.records[cursor.record];
  if (record.offset >= cursor.part.end) {
    cursor.done = true;
    return {};
  }
  const auto& batches = cursor.buffer.batches;
  while (cursor.batch < batches.size() &&
         cursor.record >= batches[cursor.batch].first + batches[cursor.batch].count) {
    ++cursor.batch;
  }
  cursor.commit = cursor.batch < batches.size() ? batches[cursor.batch].position.position : 0;
  // Within one commit the order of partitions keeps runs long; where there are no commits to go by
  // time has to do.
  cursor.time_ms = cursor.commit == 0 ? record.timestamp_ms : 0;
  heap_.push_back(&cursor);
  std::push_heap(heap_.begin(), heap_.end(), goes_after);
  return {};
}

Result<SourceReader::Item> SourceReader::next() {
  if (!begun_) {
    begun_ = true;
    for (const auto& cursor : cursors_)
      MILLRACE_TRY(advance(*cursor));
  }
  if (in_hand_ != nullptr) {
    ++in_hand_->record;
    MILLRACE_TRY(advance(*std::exchange(in_hand_, nullptr)));
  }
  if (heap_.empty()) return Item{};
  std::pop_heap(heap_.begin(), heap_.end(), goes_after);
  in_hand_ = heap_.back();
  heap_.pop_back();
  const log::RecordView& record = in_hand_->buffer.records[in_hand_->record];
  const log::Offset before = std::exchange(in_hand_->position, record.offset.next());
  return Item{in_hand_->part.partition, &record, in_hand_->position.value - before.value};
}

}  // namespace millrace::connect
