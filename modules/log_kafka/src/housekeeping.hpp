// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "group_positions.hpp"
#include "identity.hpp"
#include "millrace/base/processes.hpp"

namespace millrace::log::kafka {

/// What a handle does beside requests: heartbeats, the end of members that fell silent, snapshots
/// of the state. Thread-safe.
class Housekeeping {
 public:
  /// All outlive it.
  Housekeeping(const ClientConfig& config, const LogOptions& options, Reader& reader,
               GroupPositions& positions, StateLog& state, Identity& identity, Processes& processes)
      : config_(config),
        options_(options),
        reader_(reader),
        positions_(positions),
        state_(state),
        identity_(identity),
        processes_(processes) {}

  /// Log::maintain.
  [[nodiscard]] Status run();

 private:
  void expel_silent();

  const ClientConfig& config_;
  const LogOptions& options_;
  Reader& reader_;
  GroupPositions& positions_;
  StateLog& state_;
  Identity& identity_;
  Processes& processes_;
  std::atomic<std::int64_t> looked_ns_ = 0;  // for silent members
};

}  // namespace millrace::log::kafka
