// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/task_calls.hpp"

#include <algorithm>
#include <stdexcept>

#include "millrace/base/assert.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/stream/remembered_context.hpp"

namespace millrace::stream::runtime {

StagedStore& TaskCalls::store(StoreId id) {
  StagedStore* const found = staging_.stores().find(id);
  MILLRACE_ASSERT(found != nullptr, "a node uses the stores it was connected to");
  return *found;
}

void TaskCalls::check_in_work_item(const char* what) const {
  if (in_work_item_) [[likely]] {
    return;
  }
  throw std::logic_error(std::string(what) +
                         " outside of a work item: call it in process(), or in the callback of a "
                         "timer or a sweep");
}

void TaskCalls::check_opening(const char* what) const {
  if (!opening_) {
    throw std::logic_error(std::string(what) + " outside of open(): call it there");
  }
}

void TaskCalls::send(const SinkSpec& sink, const Message& message) {
  check_in_work_item("a record is sent");
  staging_.send(sink, message);
}

void TaskCalls::dead_letter(ErrorCode code, std::string_view reason) {
  check_in_work_item("dead_letter()");
  failures_.dead_letter(hand_, code, reason, staging_.outbox(), staging_.counts());
}

void TaskCalls::late(StoreId store, std::int64_t timestamp_ms) {
  ++staging_.counts().late;
  const std::int64_t now_ns = shared_.environment.clock.monotonic_ns();
  const auto before = shared_.late_reports.add(store, now_ns);
  if (!before) return;
  const std::string& name = shared_.topology.stores[static_cast<std::size_t>(store)].name;
  failures_.late(hand_, name, timestamp_ms, *before);
}

// Known by the changelog, which a rename of the store leaves alone.
OperatorTime& TaskCalls::operator_time(StoreId store) {
  check_opening("operator_time()");
  return operator_times_.add(shared_.topology.stores[static_cast<std::size_t>(store)].changelog);
}

void TaskCalls::schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                         std::function<void(std::int64_t)> callback) {
  check_opening("schedule()");
  Punctuators::Timer& timer =
      punctuators_.add(nodes_.timer_in_log(name), type, interval_ms, wall_ms());
  timer.callback = std::move(callback);
  // It may have been a sweep in an earlier version.
  punctuators_.end_sweep(timer);
}

void TaskCalls::sweep(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                      StoreId store,
                      std::function<void(std::string_view, std::string_view, std::int64_t)> visit) {
  check_opening("sweep()");
  Punctuators::Timer& timer =
      punctuators_.add(nodes_.timer_in_log(name), type, interval_ms, wall_ms());
  timer.store = store;
  timer.visit = std::move(visit);
}

void TaskCalls::with_context(const RememberedContext& context, FunctionRef<void()> fn) {
  check_in_work_item("with_context()");
  struct Guard {
    TaskCalls& calls;
    codec::EventContext saved;
    ~Guard() {
      calls.hand_.context() = saved;
      calls.staging_.context_changed();
    }
  } guard{*this, hand_.context()};
  hand_.context() = {};
  hand_.context().id = context.id;
  hand_.context().correlation = context.correlation;
  hand_.context().trace = {context.trace_high, context.trace_low, context.span, 1};
  hand_.context().request = context.request;
  staging_.context_changed();
  fn();
}

void TaskCalls::check_time(std::int64_t timestamp_ms) const {
  const auto max_future_ms = shared_.log.options().max_future_ms;
  const std::int64_t known = std::max(hand_.view().timestamp_ms, stream_time_ms());
  if (!max_future_ms || timestamp_ms <= known) {
    return;
  }
  std::int64_t latest = 0;
  if (__builtin_add_overflow(std::max(known, wall_ms()), *max_future_ms, &latest) ||
      timestamp_ms <= latest) {
    return;
  }
  throw std::out_of_range(
      "a record is emitted for " + format_time(timestamp_ms) + " (" + std::to_string(timestamp_ms) +
      " ms), which is more than max_future_ms = " + std::to_string(*max_future_ms) +
      " ahead of what is in hand");
}

}  // namespace millrace::stream::runtime
