// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/log/log.hpp"

namespace millrace::log {

/// A history of a log, and a position in it: the arguments of Log::check_past().
struct SeenLog {
  Lineage lineage;
  LogPosition position;
  friend bool operator==(const SeenLog&, const SeenLog&) = default;
};

/// The present history and position of the log: everything that this handle has read is before the
/// position. The two belong together, even if another process opens the log at the same time. Any
/// thread.
[[nodiscard]] SeenLog see_log(Log& log);

}  // namespace millrace::log
