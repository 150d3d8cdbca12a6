// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/range_recorder.hpp"

#include <algorithm>

#include "millrace/log/record_batch.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::stream::runtime {

namespace {

std::vector<InputRanges::Topic> topics_of(const std::vector<Input>& inputs) {
  std::vector<InputRanges::Topic> topics;
  for (const Input& input : inputs) {
    if (!input.topic().is_retry)
      topics.push_back({input.topic().topic.spec.name, input.topic().stored_id});
  }
  return topics;
}

}  // namespace

RangeRecorder::RangeRecorder(const std::vector<Input>& inputs, log::TopicPartition partition)
    : inputs_(&inputs), partition_(partition), writer_(topics_of(inputs)) {
  const std::string largest(
      writer_.first_range_bytes_max() + full_bytes + writer_.range_bytes_max(), '\0');
  bytes_max_ = log::record_bytes({0, {}, largest, {}}) + log::record_batch_header_bytes;
}

void RangeRecorder::start(const std::vector<bool>& taken) {
  writer_.clear();
  seen_ = {};
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i]) continue;
    // Of one input alone no record is too late for another.
    seen_.input = seen_.latest == last ? none : i;
    seen_.latest = last;
  }
  committed_ = seen_;
}

// Each change of input in a range went to a later record than all before it. So the latest of the
// range is of the input that was taken last, and whatever other record is before that is too late.
void RangeRecorder::take(const Input& input) {
  if (input.topic().is_retry) return;
  const OrderKey key = order_key(input);
  if (seen_.input == input.order()) {
    seen_.latest = std::max(seen_.latest, key);
    return;
  }
  if (key < seen_.latest) end_range();
  seen_ = {input.order(), key};
}

void RangeRecorder::end_range() {
  end_.clear();
  for (const Input& input : *inputs_) {
    if (!input.topic().is_retry) end_.push_back(input.next().value);
  }
  const bool begins = !has_ranges();
  writer_.add(end_);
  if (begins) first_bytes_ = writer_.bytes().size();
}

void RangeRecorder::stage(log::Transaction& transaction, std::int64_t time_ms) const {
  if (has_ranges()) transaction.append(partition_, log::Record{time_ms, {}, writer_.bytes(), {}});
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
