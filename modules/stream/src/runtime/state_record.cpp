// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/state_record.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::string_view state_key = "task";
// Due times that come with no other commit are committed by themselves after that time.
constexpr std::int64_t times_wait_ns = 1'000'000'000;
}  // namespace

StateRecord::StateRecord(Shared& shared, const ResolvedSubTopology& resolved,
                         log::PartitionId partition, std::string_view task,
                         const Punctuators& punctuators, const OperatorTimes& times)
    : shared_(&shared),
      resolved_(&resolved),
      partition_(partition),
      task_(task),
      punctuators_(&punctuators),
      operator_times_(&times) {}

Status StateRecord::start(log::Offset next) {
  next_ = next;
  times_set_ns_ = -1;
  const std::size_t times_bytes = operator_times_->encoded_bytes_max();
  const std::string largest(punctuators_->encoded_bytes_max(times_bytes > 0) + times_bytes, '\0');
  const std::size_t record_bytes = log::record_bytes({0, state_key, largest, {}});
  bytes_max_ = record_bytes + log::record_batch_header_bytes;
  const std::size_t half = shared_->transaction_bytes_max() / 2;
  const std::size_t limit = shared_->log.options().max_record_bytes;
  if (record_bytes <= limit && bytes_max_ <= half) {
    shared_->largest_state_bytes = std::max(shared_->largest_state_bytes, bytes_max_);
    return {};
  }
  return fail(
      log::errc::too_large,
      "{}: what the task remembers of its timers and of windows that close may take {} bytes, "
      "which is above the limit {}: schedule fewer timers, or give timers and stores shorter names",
      task_, record_bytes,
      record_bytes > limit ? "max_record_bytes = " + std::to_string(limit)
                           : "of half of max_transaction_bytes, " + std::to_string(half));
}

void StateRecord::encode(std::string& out) const {
  TaskState state;
  punctuators_->save(state);
  operator_times_->save(state);
  encode_task_state(state, out);
}

void StateRecord::keep_times(std::int64_t now_ns) {
  if (!resolved_->system || !punctuators_->times_set()) {
    times_set_ns_ = -1;
    return;
  }
  if (times_set_ns_ < 0) times_set_ns_ = now_ns;
  times_due_ = now_ns - times_set_ns_ >= times_wait_ns;
}

void StateRecord::stage(std::int64_t time_ms) {
  staged_ = resolved_->system && (punctuators_->moved() || operator_times_->moved());
  if (!staged_) return;
  scratch_.clear();
  encode(scratch_);
  batch_ = shared_->transaction.batch_count();
  shared_->transaction.append({*resolved_->system, partition_},
                              log::Record{time_ms, state_key, scratch_, {}});
}

void StateRecord::committed(const log::Committed& committed) {
  if (staged_) {
    MILLRACE_ASSERT(batch_ < committed.partitions.size(),
                    "the log returns partitions in the order of the transaction's batches");
    next_ = committed.partitions[batch_].first.next();
  }
  staged_ = times_due_ = false;
}

}  // namespace millrace::stream::runtime
