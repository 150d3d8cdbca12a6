// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/punctuators.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::uint8_t state_version = 1;
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
}  // namespace

void encode_task_state(const TaskState& state, std::string& bytes) {
  ByteWriter out(bytes, 0);
  out.little(state_version).little(state.stream_time_ms);
  out.little(static_cast<std::uint32_t>(state.timers.size()));
  for (const auto& [name, timer] : state.timers)
    out.little_text<std::uint32_t>(name).little(timer.next_ms).little(timer.firing);
}

Result<TaskState> decode_task_state(std::string_view bytes) {
  ByteReader in(bytes);
  TaskState state;
  const auto version = in.little<std::uint8_t>();
  if (version > state_version)
    return fail(errc::incompatible,
                newer_format("", "the state of the task", version, state_version));
  if (version != state_version) {
    return fail(millrace::errc::invalid_argument,
                "task state of version " + std::to_string(version) + "; this build reads " +
                    std::to_string(state_version));
  }
  state.stream_time_ms = in.little<std::int64_t>();
  const auto count = in.little<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string name(in.little_text<std::uint32_t>());
    const auto next = in.little<std::int64_t>();
    const auto firing = in.little<std::uint64_t>();
    state.timers.insert_or_assign(std::move(name), TaskState::Timer{next, firing});
  }
  if (!in.ok()) return fail(millrace::errc::invalid_argument, "task state ends early");
  return state;
}

void Punctuators::restore(TaskState state) {
  stream_time_ms_ = state.stream_time_ms;
  committed_stream_time_ms_ = state.stream_time_ms;
  restored_ = std::move(state);
}

void Punctuators::add(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                      std::int64_t wall_ms, std::function<void(std::int64_t)> callback) {
  MILLRACE_ASSERT(interval_ms > 0, "a punctuator has an interval of at least a millisecond");
  auto timer = std::make_unique<Timer>();
  timer->name = name;
  timer->type = type;
  timer->interval_ms = interval_ms;
  timer->callback = std::move(callback);
  if (const auto found = restored_.timers.find(name); found != restored_.timers.end()) {
    timer->now = found->second;
    timer->journaled = timer->now.next_ms != no_time;
  }
  if (timer->now.next_ms == no_time) {
    const std::int64_t base = type == PunctuationType::wall_clock ? wall_ms : stream_time_ms_;
    if (base != no_time) timer->now.next_ms = base + interval_ms;
  }
  timer->committed = timer->now;
  timers_.push_back(std::move(timer));
  find_next();
}

Punctuators::Timer* Punctuators::next_due(PunctuationType type, std::int64_t now_ms) {
  Timer* due = nullptr;
  for (const auto& timer : timers_) {
    if (timer->type != type) continue;
    // The first stream time ever seen starts the intervals.
    if (timer->now.next_ms == no_time) timer->now.next_ms = now_ms + timer->interval_ms;
    if (timer->now.next_ms <= now_ms && (due == nullptr || timer->now.next_ms < due->now.next_ms))
      due = timer.get();
  }
  find_next();
  return due;
}

void Punctuators::advance(Timer& timer, std::int64_t now_ms) {
  const std::int64_t missed = (now_ms - timer.now.next_ms) / timer.interval_ms;
  timer.now.next_ms += (missed + 1) * timer.interval_ms;
  ++timer.now.firing;
  find_next();
}

void Punctuators::set_back(Timer& timer, TaskState::Timer to) {
  timer.now = to;
  find_next();
}

std::optional<std::int64_t> Punctuators::next_wall_ms() const {
  std::optional<std::int64_t> next;
  for (const auto& timer : timers_) {
    if (timer->type == PunctuationType::wall_clock && (!next || timer->now.next_ms < *next))
      next = timer->now.next_ms;
  }
  return next;
}

void Punctuators::clamp_to(std::int64_t wall_ms) {
  for (const auto& timer : timers_) {
    if (timer->type == PunctuationType::wall_clock)
      timer->now.next_ms = std::min(timer->now.next_ms, wall_ms + timer->interval_ms);
  }
}

bool Punctuators::moved() const {
  if (unsaved_ || stream_time_ms_ != committed_stream_time_ms_ || times_set()) return true;
  return std::any_of(timers_.begin(), timers_.end(), [](const auto& timer) {
    return timer->now.firing != timer->committed.firing;
  });
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

void Punctuators::encode(std::string& out) const {
  TaskState state;
  state.stream_time_ms = stream_time_ms_;
  for (const auto& timer : timers_)
    state.timers.emplace(timer->name, timer->now);
  encode_task_state(state, out);
}

void Punctuators::find_next() {
  next_stream_ms_ = never;
  for (const auto& timer : timers_) {
    if (timer->type == PunctuationType::stream_time)
      next_stream_ms_ = std::min(next_stream_ms_, timer->now.next_ms);
  }
}

}  // namespace millrace::stream::runtime
