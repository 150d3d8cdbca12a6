// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/stream/node.hpp"

namespace millrace::stream::runtime {

inline constexpr std::int64_t no_time = OperatorTime::none;

/// What a task remembers beside its stores; docs/formats/task_state.md.
struct TaskState {
  struct Timer {
    std::int64_t next_ms =
        no_time;  ///< due then; no_time: not known yet, waits for the first stream time
    std::uint64_t firing = 0;          ///< firings so far, visits of a sweep included
    bool sweeping = false;             ///< a walk is under way
    std::optional<std::string> swept;  ///< the key visited last in it; none: it begins
    friend bool operator==(const Timer&, const Timer&) = default;
  };
  std::int64_t stream_time_ms = no_time;
  std::map<std::string, Timer, std::less<>> timers;
  std::map<std::string, std::int64_t, std::less<>> operator_times;  ///< stream times by name
};

/// Of the key where a sweep continues: states stay small.
inline constexpr std::size_t swept_bytes_max = 4'096;
// What encode_task_state() appends at most: for the state itself; for a timer beside its name, and
// beside the key of its sweep when there is a sweep or a time of an operator; for such a time
// beside its name.
inline constexpr std::size_t state_bytes = 1 + 8 + 4 + 4;
inline constexpr std::size_t timer_bytes = 4 + 8 + 8;
inline constexpr std::size_t sweep_bytes = 1 + 1 + 4;
inline constexpr std::size_t operator_time_bytes = 4 + 8;

/// In the oldest version that can say it.
void encode_task_state(const TaskState& state, std::string& out);
/// errc::incompatible for a later version, base's errc::invalid_argument for what is no state.
[[nodiscard]] Result<TaskState> decode_task_state(std::string_view bytes);

}  // namespace millrace::stream::runtime
