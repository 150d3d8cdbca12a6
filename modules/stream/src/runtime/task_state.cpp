// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/task_state.hpp"

#include <algorithm>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::uint8_t state_version = 3;
constexpr std::uint8_t version_without_operator_times = 2;
constexpr std::uint8_t version_without_sweeps = 1;

std::uint8_t version_of(const TaskState& state) {
  if (!state.operator_times.empty()) return state_version;
  const bool sweeps = std::any_of(state.timers.begin(), state.timers.end(),
                                  [](const auto& timer) { return timer.second.sweeping; });
  return sweeps ? version_without_operator_times : version_without_sweeps;
}

TaskState::Timer decode_timer(ByteReader& in, std::uint8_t version) {
  TaskState::Timer timer;
  timer.next_ms = in.little<std::int64_t>();
  timer.firing = in.little<std::uint64_t>();
  if (version == version_without_sweeps) return timer;
  timer.sweeping = in.little<std::uint8_t>() != 0;
  const bool begun = in.little<std::uint8_t>() != 0;
  const std::string_view swept = in.little_text<std::uint32_t>();
  if (begun) timer.swept = swept;
  return timer;
}

}  // namespace

void encode_task_state(const TaskState& state, std::string& bytes) {
  const std::uint8_t version = version_of(state);
  ByteWriter out(bytes, 0);
  out.little(version).little(state.stream_time_ms);
  out.little(static_cast<std::uint32_t>(state.timers.size()));
  for (const auto& [name, timer] : state.timers) {
    out.little_text<std::uint32_t>(name).little(timer.next_ms).little(timer.firing);
    if (version == version_without_sweeps) continue;
    out.little(static_cast<std::uint8_t>(timer.sweeping ? 1 : 0));
    out.little(static_cast<std::uint8_t>(timer.swept ? 1 : 0));
    out.little_text<std::uint32_t>(std::string_view(timer.swept ? *timer.swept : std::string_view())
                                       .substr(0, swept_bytes_max));
  }
  if (version <= version_without_operator_times) return;
  out.little(static_cast<std::uint32_t>(state.operator_times.size()));
  for (const auto& [name, time_ms] : state.operator_times)
    out.little_text<std::uint32_t>(name).little(time_ms);
}

Result<TaskState> decode_task_state(std::string_view bytes) {
  ByteReader in(bytes);
  TaskState state;
  const auto version = in.little<std::uint8_t>();
  if (version > state_version)
    return fail(errc::incompatible,
                newer_format("", "the state of the task", version, state_version));
  if (version < version_without_sweeps) {
    return fail(millrace::errc::invalid_argument,
                "task state of version {}; this build reads {} to {}", version,
                version_without_sweeps, state_version);
  }
  state.stream_time_ms = in.little<std::int64_t>();
  const auto timers = in.little<std::uint32_t>();
  for (std::uint32_t i = 0; i < timers && in.ok(); ++i) {
    std::string name(in.little_text<std::uint32_t>());
    state.timers.insert_or_assign(std::move(name), decode_timer(in, version));
  }
  if (version > version_without_operator_times) {
    const auto times = in.little<std::uint32_t>();
    for (std::uint32_t i = 0; i < times && in.ok(); ++i) {
      std::string name(in.little_text<std::uint32_t>());
      state.operator_times.insert_or_assign(std::move(name), in.little<std::int64_t>());
    }
  }
  if (!in.ok()) return fail(millrace::errc::invalid_argument, "task state ends early");
  return state;
}

}  // namespace millrace::stream::runtime
