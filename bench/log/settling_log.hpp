// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "support/measure.hpp"

namespace millrace::bench {

/// What a log that settles is opened with; it outlives the log.
struct SettlingLog {
  SeededRandom random{real_seed()};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  [[nodiscard]] std::unique_ptr<log::Log> open(const std::string& directory);
};

[[nodiscard]] std::uint64_t count_of(const log::Log& log, std::string_view name);

/// Returns when the housekeeping found nothing more to settle.
void await_settled(const log::Log& log);

}  // namespace millrace::bench
