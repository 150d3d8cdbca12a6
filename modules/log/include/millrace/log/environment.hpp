// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"

namespace millrace::log {

/// The outside world of a log, passed in. All members outlive the log.
struct LogEnvironment {
  Clock& clock;
  FileSystem& files;
  Random& random;  ///< its numbers differ after each start: they name logs and histories of logs
  Processes& processes;
};

}  // namespace millrace::log
