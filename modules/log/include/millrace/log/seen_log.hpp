// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/log/log.hpp"

namespace millrace::log {

/// The history of a log, and a position of it: what Log::check_past() is asked about.
struct SeenLog {
  Lineage lineage;
  LogPosition position;
  friend bool operator==(const SeenLog&, const SeenLog&) = default;
};

/// The log as the handle sees it now: all that it has read lies before the position, and the
/// position is of that lineage, also when another process opens the log meanwhile. Any thread.
[[nodiscard]] SeenLog see_log(Log& log);

}  // namespace millrace::log
