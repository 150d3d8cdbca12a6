// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/input.hpp"

namespace millrace::stream::runtime {

Input::Input(const InputTopic& topic, std::string_view sub_topology, log::PartitionId partition,
             std::size_t order)
    : topic_(&topic), partition_{topic.topic.id, partition}, order_(order) {
  id_prefix_.append(sub_topology).append(".").append(topic.topic.spec.name).append("-");
  id_prefix_.append(std::to_string(partition.value)).append("-");
}

void Input::start(log::Offset from) {
  buffer_.records.clear();
  buffer_.batches.clear();
  buffer_.next = from;
  buffer_.end = from;
  start_ = from;
  position_ = from;
  cursor_ = 0;
  committed_ = 0;
}

Status Input::fill(log::Log& log, std::size_t max_bytes, log::LogPosition cut, std::uint64_t turn) {
  if (committed_ < buffer_.records.size()) return {};
  start_ = buffer_.next;
  cursor_ = 0;
  committed_ = 0;
  buffer_.records.clear();
  if (Status fetched = log.fetch(partition_, start_, max_bytes, buffer_); !fetched) {
    return fail(fetched.error().at("reading " + topic_->topic.spec.name + "/" +
                                   std::to_string(partition_.partition.value)));
  }
  filled_ = turn;
  leave_out_after(cut);
  return {};
}

std::int64_t Input::head_waits_ns(std::int64_t now_ns) {
  if (head() == nullptr) {
    waiting_since_ns_ = -1;
    return 0;
  }
  if (waiting_since_ns_ < 0 || waiting_ != head()->offset) {
    waiting_ = head()->offset;
    waiting_since_ns_ = now_ns;
  }
  return now_ns - waiting_since_ns_;
}

void Input::leave_out_after(log::LogPosition cut) {
  for (const log::FetchedBatch& batch : buffer_.batches) {
    if (batch.count == 0 || batch.position.position <= cut.position) continue;
    // As if nothing were known beyond it: up to the cut this is all.
    buffer_.next = buffer_.records[batch.first].offset;
    buffer_.end = buffer_.next;
    buffer_.records.erase(buffer_.records.begin() + static_cast<std::ptrdiff_t>(batch.first),
                          buffer_.records.end());
    return;
  }
}

log::Offset Input::offset_at(std::size_t cursor) const {
  if (cursor == buffer_.records.size()) return buffer_.next;
  return cursor == 0 ? start_ : buffer_.records[cursor - 1].offset.next();
}

}  // namespace millrace::stream::runtime
