// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// How long the settled segments of a partition are kept: `retention.ms` and `retention.bytes`.
struct RetentionLimits {
  /// A segment goes when all of its batches were appended longer ago than that, or all of a later
  /// one; the time of the records does not count, unlike on Kafka.
  std::optional<std::int64_t> retention_ms;
  /// The first segments go as long as the others have together at least so many bytes of `.log`,
  /// as on Kafka.
  std::optional<std::uint64_t> retention_bytes;
  /// Records before this offset go, as the position of the only reader has passed them.
  std::optional<Offset> needed_from = {};
  /// And none at or behind this one, whatever the other limits say: somebody is to read it still.
  std::optional<Offset> kept_from = {};
};

/// Where a partition begins, and where it will begin after apply_retention().
struct RetentionPlan {
  Offset first;
  Offset start;
};

struct Removed {
  /// Base offset of the first segment that is left, where the partition begins; nullopt when
  /// nothing of it was ever settled.
  std::optional<Offset> start;
  std::size_t segments = 0;
  std::uint64_t bytes = 0;  ///< of their `.log` files
};

// Both remove whole segments from the front and are durable on return, but never the last one, and
// none at or behind `settled`, the settled offset of the last durable checkpoint: a recovery cuts
// the segments that begin there, and one in front of it has to be left. What they find of an
// earlier change that was interrupted they complete first. After an error either call may be
// repeated. See segment_changes.hpp for who may run at the same time.

/// Removes what the limits allow to go at the time `now_ms`. errc::invalid_argument for a negative
/// time: without a limit it has no value.
[[nodiscard]] Result<Removed> apply_retention(FileSystem& files, const std::string& directory,
                                              const RetentionLimits& limits, Offset settled,
                                              std::int64_t now_ms);

/// What apply_retention() would leave, so that the first offset is known durably before anything
/// goes; nullopt when nothing of the partition was ever settled. Removes nothing, but completes an
/// earlier change. Failures as there.
[[nodiscard]] Result<std::optional<RetentionPlan>> plan_retention(FileSystem& files,
                                                                  const std::string& directory,
                                                                  const RetentionLimits& limits,
                                                                  Offset settled,
                                                                  std::int64_t now_ms);

/// Removes the segments whose records all lie before an offset, as Kafka's DeleteRecords: those of
/// topics that are kept up to the position of their only reader. `start` may lie before `offset`.
[[nodiscard]] Result<Removed> remove_before(FileSystem& files, const std::string& directory,
                                            Offset offset, Offset settled);

}  // namespace millrace::log::embedded
