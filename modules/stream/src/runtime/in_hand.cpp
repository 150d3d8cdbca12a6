// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/in_hand.hpp"

namespace millrace::stream::runtime {

InHand::InHand(std::string_view sub_topology, std::string_view unit, log::PartitionId partition)
    : unit_(unit), partition_(partition) {
  timer_prefix_.append(sub_topology).append(".");
  timer_prefix_.append(std::to_string(partition.value)).append(".");
}

void InHand::take(Input& input, const log::RecordView& record) {
  input_ = &input;
  record_ = &record;
  view_.topic = input.topic().topic.spec.name;
  view_.partition = partition_;
  view_.offset = record.offset;
  view_.timestamp_ms = record.timestamp_ms;
  view_.headers = record.headers;
  view_.context = {};
}

void InHand::take(const Punctuators::Timer& timer, std::int64_t time_ms) {
  input_ = nullptr;
  record_ = nullptr;
  view_ = {};
  view_.partition = partition_;
  view_.offset = log::offset(-1);
  view_.timestamp_ms = time_ms;
  timer_ = timer.name;
  firing_ = timer.now.firing;
  timer_id_prefix_.assign(timer_prefix_).append(timer.name).append("-");
}

UnitId InHand::id() const {
  if (is_firing()) return {timer_, {}, static_cast<std::int64_t>(firing_)};
  return {{}, input_->place(), record_->offset.value};
}

std::string_view InHand::id_prefix() const {
  return is_firing() ? std::string_view(timer_id_prefix_) : input_->id_prefix();
}

std::uint64_t InHand::id_number() const {
  return is_firing() ? firing_ : static_cast<std::uint64_t>(record_->offset.value);
}

std::string InHand::where() const {
  if (is_firing()) return unit_ + ", timer " + timer_ + ", firing " + std::to_string(firing_);
  return std::string(view_.topic) + "/" + std::to_string(partition_.value) + "@" +
         std::to_string(record_->offset.value) + " in " + unit_;
}

}  // namespace millrace::stream::runtime
