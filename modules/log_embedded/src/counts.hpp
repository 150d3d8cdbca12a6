// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "millrace/log/log.hpp"

namespace millrace::log::embedded {

/// What a handle counts of its own work; Log::counts() and the metrics follow from read().
/// Thread-safe.
struct Counts {
  std::atomic<std::uint64_t> repaired_tails{0};

  [[nodiscard]] std::vector<LogCount> read() const {
    return {{"repaired_tails",
             "Incomplete ends of the journal, as a process leaves them that dies while it writes, "
             "that this member completed or removed.",
             repaired_tails.load(std::memory_order_relaxed)}};
  }
};

}  // namespace millrace::log::embedded
