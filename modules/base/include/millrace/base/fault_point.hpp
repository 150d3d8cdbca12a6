// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace {

/// Called at each named fault point of a build that has them. May throw (a simulated death unwinds
/// the member), stop or kill the process, or return.
using FaultHandler = void (*)(std::string_view point);

/// Replaces the handler of this process and returns the previous one. The default handler reads the
/// environment variable MILLRACE_FAULT, a comma-separated list of `point[:nth[:kill|stop]]`. At the
/// nth pass of a point (default 1) it sends SIGKILL (default) or SIGSTOP to the process.
/// Thread-safe.
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

/// A handler in a simulation throws this to let the member die at the point. Only the simulation
/// catches it.
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
