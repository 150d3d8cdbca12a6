// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/punctuators.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

std::int64_t later(std::int64_t time_ms, std::int64_t by_ms) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(time_ms, by_ms, &sum) ? never : sum;
}
}  // namespace

void Punctuators::restore(TaskState state) {
  stream_time_ms_ = state.stream_time_ms;
  committed_stream_time_ms_ = state.stream_time_ms;
  restored_ = std::move(state);
}

Punctuators::Timer& Punctuators::add(std::string_view name, PunctuationType type,
                                     std::int64_t interval_ms, std::int64_t wall_ms) {
  MILLRACE_ASSERT(interval_ms > 0, "a punctuator has an interval of at least a millisecond");
  auto timer = std::make_unique<Timer>();
  timer->name = name;
  timer->type = type;
  timer->interval_ms = interval_ms;
  if (const auto found = restored_.timers.find(name); found != restored_.timers.end()) {
    timer->now = found->second;
    timer->journaled = timer->now.next_ms != no_time;
  }
  if (timer->now.next_ms == no_time) {
    const std::int64_t base = type == PunctuationType::wall_clock ? wall_ms : stream_time_ms_;
    if (base != no_time) timer->now.next_ms = later(base, interval_ms);
  }
  timer->committed = timer->now;
  timers_.push_back(std::move(timer));
  find_next();
  return *timers_.back();
}

Punctuators::Timer* Punctuators::next_due(PunctuationType type, std::int64_t now_ms) {
  Timer* due = nullptr;
  for (const auto& timer : timers_) {
    if (timer->type != type) continue;
    // The first stream time ever seen starts the intervals.
    if (timer->now.next_ms == no_time) timer->now.next_ms = later(now_ms, timer->interval_ms);
    const bool passed = timer->now.next_ms <= now_ms && timer->now.next_ms != never;
    const bool is_due = !timer->had_part && (timer->now.sweeping || passed);
    if (is_due && (due == nullptr || timer->now.next_ms < due->now.next_ms)) due = timer.get();
  }
  find_next();
  return due;
}

void Punctuators::advance(Timer& timer, std::int64_t now_ms) {
  // On the grid of its due times, after now.
  const std::uint64_t since =
      static_cast<std::uint64_t>(now_ms) - static_cast<std::uint64_t>(timer.now.next_ms);
  const auto left =
      static_cast<std::int64_t>(since % static_cast<std::uint64_t>(timer.interval_ms));
  timer.now.next_ms = later(now_ms, timer.interval_ms - left);
  ++timer.now.firing;
  find_next();
}

void Punctuators::set_back(Timer& timer, TaskState::Timer to) {
  timer.now = to;
  find_next();
}

void Punctuators::begin_turn() {
  for (const auto& timer : timers_)
    timer->had_part = false;
  find_next();
}

void Punctuators::end_part(Timer& timer) {
  timer.had_part = true;
  find_next();
}

void Punctuators::begin_sweep(Timer& timer) {
  timer.now.sweeping = true;
  timer.now.swept.reset();
}

void Punctuators::visit(Timer& timer, std::string_view key) {
  ++timer.now.firing;
  timer.now.swept = key;
}

void Punctuators::end_sweep(Timer& timer) {
  timer.now.sweeping = false;
  timer.now.swept.reset();
  find_next();
}

bool Punctuators::sweeping() const {
  return std::any_of(timers_.begin(), timers_.end(),
                     [](const auto& timer) { return timer->now.sweeping; });
}

std::optional<std::int64_t> Punctuators::next_wall_ms() const {
  std::optional<std::int64_t> next;
  for (const auto& timer : timers_) {
    if (timer->type != PunctuationType::wall_clock) continue;
    const std::int64_t due = timer->now.sweeping ? 0 : timer->now.next_ms;
    if (!next || due < *next) next = due;
  }
  return next;
}

void Punctuators::clamp_to(std::int64_t wall_ms) {
  for (const auto& timer : timers_) {
    if (timer->type != PunctuationType::wall_clock) continue;
    const std::int64_t latest = later(wall_ms, timer->interval_ms);
    if (timer->now.next_ms <= latest && timer->committed.next_ms <= latest) continue;
    timer->now.next_ms = std::min(timer->now.next_ms, latest);
    // Not an effect of a work item, so rewind() keeps it; and a restart must not bring the old time
    // back.
    timer->committed.next_ms = std::min(timer->committed.next_ms, latest);
    timer->journaled = false;
  }
}

bool Punctuators::moved() const {
  if (unsaved_ || stream_time_ms_ != committed_stream_time_ms_ || times_set()) return true;
  return std::any_of(timers_.begin(), timers_.end(),
                     [](const auto& timer) { return timer->now != timer->committed; });
}

bool Punctuators::times_set() const {
  return std::any_of(timers_.begin(), timers_.end(), [](const auto& timer) {
    return !timer->journaled && timer->now.next_ms != no_time;
  });
}

void Punctuators::keep() {
  committed_stream_time_ms_ = stream_time_ms_;
  for (const auto& timer : timers_)
    timer->committed = timer->now;
  unsaved_ = true;
}

void Punctuators::commit() {
  keep();
  unsaved_ = false;
  for (const auto& timer : timers_)
    timer->journaled = timer->now.next_ms != no_time;
}

void Punctuators::rewind() {
  stream_time_ms_ = committed_stream_time_ms_;
  for (const auto& timer : timers_)
    timer->now = timer->committed;
  find_next();
}

void Punctuators::save(TaskState& state) const {
  state.stream_time_ms = stream_time_ms_;
  for (const auto& timer : timers_)
    state.timers.emplace(timer->name, timer->now);
}

std::size_t Punctuators::encoded_bytes_max(bool operator_times) const {
  const bool sweeps = std::any_of(timers_.begin(), timers_.end(),
                                  [](const auto& timer) { return timer->store.has_value(); });
  std::size_t bytes = state_bytes;
  for (const auto& timer : timers_) {
    bytes += timer_bytes + timer->name.size();
    if (sweeps || operator_times) bytes += sweep_bytes;
    if (timer->store) bytes += swept_bytes_max;
  }
  return bytes;
}

void Punctuators::find_next() {
  next_stream_ms_ = never;
  for (const auto& timer : timers_) {
    if (timer->type != PunctuationType::stream_time || timer->had_part) continue;
    next_stream_ms_ = std::min(next_stream_ms_, timer->now.sweeping ? no_time : timer->now.next_ms);
  }
}

}  // namespace millrace::stream::runtime
