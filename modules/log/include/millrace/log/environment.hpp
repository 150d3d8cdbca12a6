// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"

namespace millrace::log {

/// The clock, files, random source and processes that a log uses. All must outlive the log.
struct LogEnvironment {
  Clock& clock;
  FileSystem& files;
  Random& random;  ///< must give other numbers after each start: they become ids of logs and of
                   ///< their histories
  Processes& processes;
};

}  // namespace millrace::log
