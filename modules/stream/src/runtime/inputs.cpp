// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/inputs.hpp"

#include <algorithm>

#include "millrace/base/interval.hpp"

namespace millrace::stream::runtime {

namespace {

// Of rest, before positions are committed that only passed over marks.
constexpr std::int64_t rest_ns = 1'000'000'000;
// Positions are committed again after this part of the time for which the log keeps them.
constexpr std::int64_t refreshes = 7;

}  // namespace

Inputs::Inputs(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition)
    : shared_(&shared),
      max_idle_ns_(ns_of_ms(shared.options.max_task_idle_ms)),
      max_catch_up_ns_(ns_of_ms(shared.options.max_catch_up_wait_ms)),
      group_(resolved.group) {
  for (const InputTopic& topic : resolved.inputs)
    inputs_.emplace_back(topic, resolved.spec->name, partition, inputs_.size());
}

Status Inputs::start() {
  log::Log& log = shared_->log;
  std::vector<log::TopicPartition> places;
  for (const Input& input : inputs_)
    places.push_back(input.place());
  MILLRACE_ASSIGN(const auto positions, log.positions(group_, places));
  MILLRACE_ASSIGN(const auto starts, log.start_offsets(places));
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    inputs_[i].start(positions[i].value_or(starts[i]));
  positions_kept_ns_ = idle_since_ns_ = waits_since_ns_ = -1;
  held_until_ns_.reset();
  gave_up_ = false;
  overdue_ = nullptr;
  return {};
}

Status Inputs::fill() {
  log::Log& log = shared_->log;
  const log::LogPosition cut = log.committed();
  ++turn_;
  for (Input& input : inputs_)
    MILLRACE_TRY(input.fill(log, shared_->options.fetch_bytes, cut, turn_));
  if (max_idle_ns_ == 0 && max_catch_up_ns_ == 0) return {};
  const std::int64_t now_ns = shared_->environment.clock.monotonic_ns();
  if (max_idle_ns_ > 0) wait_for_empty(now_ns);
  if (max_catch_up_ns_ > 0) find_overdue(now_ns);
  return {};
}

// An input that has more is not empty: fill() has fetched it.
void Inputs::wait_for_empty(std::int64_t now_ns) {
  bool at_hand = false;
  bool empty = false;
  for (const Input& input : inputs_) {
    if (input.head() != nullptr) {
      at_hand = true;
    } else if (!input.topic().is_retry) {
      empty = true;
    }
  }
  held_until_ns_.reset();
  if (!at_hand || !empty) {
    waits_since_ns_ = -1;
    gave_up_ = false;
    return;
  }
  if (gave_up_) return;
  if (waits_since_ns_ < 0) waits_since_ns_ = now_ns;
  if (now_ns - waits_since_ns_ < max_idle_ns_) {
    held_until_ns_ = saturating_add(waits_since_ns_, max_idle_ns_);
    return;
  }
  gave_up_ = true;
  ++shared_->idle_waits;
}

// Heads that wait as long as the first one wait for something else, such as room on the disk.
void Inputs::find_overdue(std::int64_t now_ns) {
  overdue_ = nullptr;
  std::int64_t longest_ns = 0;
  for (Input& input : inputs_) {
    const std::int64_t waits_ns = input.head_waits_ns(now_ns);
    if (waits_ns >= max_catch_up_ns_ && waits_ns > longest_ns) {
      overdue_ = &input;
      longest_ns = waits_ns;
    }
  }
  if (overdue_ == nullptr || held_until_ns_) return;
  Input* const first = first_by_time();
  if (first == overdue_ || first->head_waits_ns(now_ns) >= longest_ns) {
    overdue_ = nullptr;
  } else {
    ++shared_->catch_up_waits;
  }
}

Input* Inputs::choose() {
  if (held_until_ns_) return nullptr;
  if (overdue_ != nullptr && overdue_->head() != nullptr) return overdue_;
  return first_by_time();
}

Input* Inputs::first_by_time() {
  Input* best = nullptr;
  for (Input& input : inputs_) {
    if (input.head() != nullptr && (best == nullptr || goes_before(input, *best))) best = &input;
  }
  return best;
}

bool Inputs::moved() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.moved(); });
}

void Inputs::keep_positions(std::int64_t now_ns, bool idle) {
  if (!idle) idle_since_ns_ = -1;
  if (idle && idle_since_ns_ < 0) idle_since_ns_ = now_ns;
  const bool rested =
      idle && now_ns - idle_since_ns_ >= rest_ns &&
      std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.ahead(); });
  const auto retention_ms = shared_->log.position_retention_ms();
  const bool old =
      retention_ms && (positions_kept_ns_ < 0 ||
                       now_ns - positions_kept_ns_ >= ns_of_ms(*retention_ms) / refreshes);
  positions_due_ = rested || old;
}

void Inputs::stage(log::Transaction& transaction) const {
  for (const Input& input : inputs_) {
    if (positions_due_ || input.ahead())
      transaction.set_position(group_, input.place(), input.next());
  }
}

void Inputs::committed(std::int64_t now_ns) {
  for (Input& input : inputs_)
    input.commit();
  if (positions_due_) positions_kept_ns_ = now_ns;
  positions_due_ = false;
}

void Inputs::rewind() {
  for (Input& input : inputs_)
    input.rewind();
  positions_due_ = false;
}

void Inputs::add_interests(std::vector<log::Interest>& interests) const {
  for (const Input& input : inputs_) {
    // What has a record at hand while all wait for another has news that nobody takes.
    if (!held_until_ns_ || input.head() == nullptr) interests.push_back(input.interest());
  }
}

void Inputs::describe(InstanceStatus::Task& status) const {
  for (const Input& input : inputs_) {
    status.lag += input.lag();
    const log::RecordView* head = input.head();
    if (head != nullptr &&
        (status.oldest_unprocessed_ms < 0 || head->timestamp_ms < status.oldest_unprocessed_ms)) {
      status.oldest_unprocessed_ms = head->timestamp_ms;
    }
  }
}

}  // namespace millrace::stream::runtime
