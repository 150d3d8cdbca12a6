// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/log/topic_settings.hpp"
#include "millrace/log/types.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "settled/compactor.hpp"
#include "settled/retention.hpp"

namespace millrace::log::embedded {

/// How the settled segments of a topic's partitions are kept.
struct TopicLimits {
  RetentionLimits retention;  ///< without limits nothing is removed
  /// What may be removed or compacted stays as it is until the groups that have a position there
  /// have read it. Changelogs are read by the one that writes them, to their end.
  bool waits_for_readers = false;
  /// What the names of the groups begin with whose positions count; until one has a position, all
  /// stays. Empty: all groups count, and without any nothing waits.
  std::string reader;
  std::optional<CompactionOptions> compaction;  ///< nullopt: no compaction
  std::uint64_t segment_bytes = 0;
  std::optional<std::int64_t> segment_ms;  ///< SegmentOptions::segment_ms

  [[nodiscard]] bool has_any() const {
    return retention.retention_ms || retention.retention_bytes || compaction;
  }
};

/// What the settings of a topic ask for.
[[nodiscard]] TopicLimits limits_of(const TopicSpec& topic, const TopicSettings& settings,
                                    const SettleOptions& options);

}  // namespace millrace::log::embedded
