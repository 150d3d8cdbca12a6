// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/in_hand.hpp"

namespace millrace::stream::runtime {

namespace {
// Of InHand::shown_.
constexpr unsigned offset_bits = 48;
constexpr std::uint64_t offset_mask = (std::uint64_t{1} << offset_bits) - 1;
}  // namespace

InHand::InHand(std::string_view sub_topology, std::string_view task, log::PartitionId partition)
    : task_(task), partition_(partition) {
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
  const std::uint64_t upper = static_cast<std::uint64_t>(input.order() + 1) << offset_bits;
  shown_.store(upper | (static_cast<std::uint64_t>(record.offset.value) & offset_mask),
               std::memory_order_relaxed);
}

void InHand::take(const Punctuators::Timer& timer, std::int64_t time_ms,
                  const std::string* visited) {
  input_ = nullptr;
  record_ = nullptr;
  view_ = {};
  view_.partition = partition_;
  view_.offset = log::offset(-1);
  view_.timestamp_ms = time_ms;
  timer_ = timer.name;
  firing_ = timer.now.firing;
  visited_.reset();
  if (visited != nullptr) visited_ = *visited;
  timer_id_prefix_.assign(timer_prefix_).append(timer.name).append("-");
  const MutexLock lock(shown_timer_mutex_);
  shown_timer_.assign(timer.name);
  shown_.store(offset_mask, std::memory_order_relaxed);
}

std::string InHand::shown(const std::vector<Input>& inputs) const {
  const std::uint64_t shown = shown_.load(std::memory_order_relaxed);
  if (shown == 0) return {};
  const std::size_t order = shown >> offset_bits;
  if (order == 0) {
    const MutexLock lock(shown_timer_mutex_);
    return "timer " + shown_timer_;
  }
  return inputs[order - 1].topic().topic.spec.name + "/" + std::to_string(partition_.value) + "@" +
         std::to_string(shown & offset_mask);
}

void InHand::copy_id(WorkItemId& out) const {
  out.partition = {};
  out.key.clear();
  if (!is_firing()) {
    out.timer.clear();
    out.partition = input_->partition();
    out.number = record_->offset.value;
    return;
  }
  out.timer = timer_;
  out.number = visited_ ? -1 : static_cast<std::int64_t>(firing_);
  if (visited_) out.key = *visited_;
}

std::string_view InHand::id_prefix() const {
  return is_firing() ? std::string_view(timer_id_prefix_) : input_->id_prefix();
}

std::uint64_t InHand::id_number() const {
  return is_firing() ? firing_ : static_cast<std::uint64_t>(record_->offset.value);
}

std::string InHand::where() const {
  if (is_firing()) return task_ + ", timer " + timer_ + ", firing " + std::to_string(firing_);
  return std::string(view_.topic) + "/" + std::to_string(partition_.value) + "@" +
         std::to_string(record_->offset.value) + " in " + task_;
}

}  // namespace millrace::stream::runtime
