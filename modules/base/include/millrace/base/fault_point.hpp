// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace {

/// Called at each named fault point of a build that has them. May throw (a simulated death unwinds
/// the member), stop or kill the process, or return.
using FaultHandler = void (*)(std::string_view point);

/// Replaces the handler of this process, returns the former. The handler of a new process reads
/// MILLRACE_FAULT: `point[:nth[:kill|stop]]`, comma-separated, and at the nth pass of that point
/// (default 1) sends itself SIGKILL (default) or SIGSTOP. Thread-safe.
FaultHandler set_fault_handler(FaultHandler handler);

/// True in builds whose fault points are compiled in (`MILLRACE_FAULT_POINTS`); release builds have
/// none.
[[nodiscard]] constexpr bool fault_points_compiled_in() {
#ifdef MILLRACE_FAULT_POINTS
  return true;
#else
  return false;
#endif
}

namespace detail {
void fault_point_reached(std::string_view point);
}

/// What a simulated handler throws to make the member die there. Caught by the simulation only.
struct SimulatedDeath {
  std::string_view point;
};

}  // namespace millrace

#ifdef MILLRACE_FAULT_POINTS
/// Marks a point where tests may let the process die.
#define MILLRACE_FAULT_POINT(name) ::millrace::detail::fault_point_reached(name)
#else
#define MILLRACE_FAULT_POINT(name) static_cast<void>(0)
#endif
