// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "copy/plan.hpp"
#include "copy/references.hpp"
#include "copy/state.hpp"
#include "millrace/base/error.hpp"
#include "millrace/connect/copy.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// What a comparison found.
struct Comparison {
  std::int64_t records = 0;              ///< that are the same in both
  std::uint64_t bytes = 0;               ///< of their keys and values
  std::int64_t compacted = 0;            ///< that only one side still has (CopySummary::compacted)
  std::vector<std::string> differences;  ///< the first one of each partition, at most
};

/// Compares a partition and its copy record by record: offset as the map has it, time, key,
/// value, headers. Differences are part of the result; failures are the logs'. Reads both in
/// pieces.
[[nodiscard]] Status compare_partition(log::Log& source, log::Log& target,
                                       const PlannedPartition& partition, const OffsetMap& map,
                                       References& references, CopyProgress& progress,
                                       Comparison& comparison);

/// The group reads no more there: nothing depends on that on a log that forgets positions.
[[nodiscard]] bool is_left_out(const log::Log& target, const CopyPlan::Position& position);

/// Where a group continues in the target.
[[nodiscard]] Result<log::Offset> target_position(log::Log& target, const OffsetMap& map,
                                                  const CopyPlan::Position& position);

/// Compares the position of a group.
[[nodiscard]] Status compare_position(log::Log& target, const OffsetMap& map,
                                      const CopyPlan::Position& position, Comparison& comparison);

}  // namespace millrace::connect
