// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/range_recorder.hpp"

#include <algorithm>

#include "millrace/log/record_batch.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::stream::runtime {

namespace {

std::vector<std::string> topics_of(const std::vector<Input>& inputs) {
  std::vector<std::string> topics;
  for (const Input& input : inputs) {
    if (!input.topic().is_retry) topics.push_back(input.topic().topic.spec.name);
  }
  return topics;
}

}  // namespace

RangeRecorder::RangeRecorder(const std::vector<Input>& inputs, log::TopicPartition place)
    : inputs_(&inputs), place_(place), writer_(topics_of(inputs)) {
  const std::string largest(
      writer_.first_range_bytes_max() + full_bytes + writer_.range_bytes_max(), '\0');
  bytes_max_ = log::record_bytes({0, {}, largest, {}}) + log::record_batch_header_bytes;
}

void RangeRecorder::start(const std::vector<bool>& taken) {
  writer_.clear();
  seen_ = {};
  for (std::size_t i = 0; i < inputs_->size(); ++i) {
    bool others = false;
    for (std::size_t k = 0; k < inputs_->size(); ++k)
      others |= k != i && taken[k];
    seen_.of_others.push_back(others ? last : first);
  }
  committed_ = seen_;
}

void RangeRecorder::take(const Input& input) {
  if (input.topic().is_retry) return;
  const OrderKey key = order_key(input);
  if (seen_.input != input.order()) {
    change_to(input.order());
    if (key < seen_.of_others[input.order()]) end_range();
    seen_.of_others[input.order()] = first;
  }
  seen_.latest = std::max(seen_.latest, key);
}

void RangeRecorder::change_to(std::size_t input) {
  if (seen_.input != none) {
    for (std::size_t i = 0; i < seen_.of_others.size(); ++i) {
      if (i != seen_.input) seen_.of_others[i] = std::max(seen_.of_others[i], seen_.latest);
    }
  }
  seen_.input = input;
  seen_.latest = first;
}

void RangeRecorder::end_range() {
  end_.clear();
  for (const Input& input : *inputs_) {
    if (!input.topic().is_retry) end_.push_back(input.next().value);
  }
  writer_.add(end_);
  std::fill(seen_.of_others.begin(), seen_.of_others.end(), first);
}

void RangeRecorder::stage(log::Transaction& transaction, std::int64_t time_ms) const {
  if (!writer_.bytes().empty())
    transaction.append(place_, log::Record{time_ms, {}, writer_.bytes(), {}});
}

void RangeRecorder::commit() {
  writer_.clear();
  committed_ = seen_;
}

void RangeRecorder::rewind() {
  writer_.clear();
  seen_ = committed_;
}

}  // namespace millrace::stream::runtime
