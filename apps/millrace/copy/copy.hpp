// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "copy/progress.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::cli {

/// What to copy, and how.
struct CopyRequest {
  std::string topics;                         ///< a pattern as of fnmatch; empty: all
  bool force = false;                         ///< copy also while services run on the source
  bool verify = true;                         ///< compare afterwards
  std::size_t transaction_bytes = 4U << 20U;  ///< of records in one step, about
};

/// What was done.
struct CopySummary {
  std::size_t topics = 0;
  std::size_t partitions = 0;
  std::int64_t records = 0;  ///< copied now
  std::uint64_t bytes = 0;   ///< of their keys and values
  std::int64_t earlier = 0;  ///< records that earlier runs had copied
  std::size_t positions = 0;
  std::size_t groups = 0;
  bool verified = false;
  std::int64_t verified_records = 0;
  std::int64_t compacted = 0;            ///< see Comparison
  std::vector<std::string> differences;  ///< of a comparison; empty: the same
};

/// Who watches. All outlive the work.
struct CopyWatch {
  Clock& clock;
  const std::atomic<bool>& stop;
  Progress& progress;
};

/// Copies topics, records and positions to a log (a handle of log::any_service) that holds nothing
/// else, or continues where an earlier run of the same copy was stopped or killed: no record is
/// lost and none is there twice. Compares in the end if asked to; differences are part of the
/// summary. base's errc::busy when services run on one of the logs, copy_errc::not_ours,
/// copy_errc::stopped, log::errc::topic_mismatch, and failures of the logs.
[[nodiscard]] Result<CopySummary> copy_log(log::Log& source, log::Log& target,
                                           const CopyRequest& request, const CopyWatch& watch);

/// Only compares a log with the copy of it. base's errc::not_found when the target is no copy.
[[nodiscard]] Result<CopySummary> compare_copy(log::Log& source, log::Log& target,
                                               const CopyRequest& request, const CopyWatch& watch);

/// What copy_log would do; `target` may be null: it is not there yet. Refuses what it would refuse,
/// as far as that is known before.
[[nodiscard]] Result<CopySummary> plan_copy(log::Log& source, log::Log* target,
                                            const CopyRequest& request);

}  // namespace millrace::cli
