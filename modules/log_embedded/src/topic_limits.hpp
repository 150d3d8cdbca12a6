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

/// The limits for the settled segments of a topic.
struct TopicLimits {
  RetentionLimits retention;  ///< without limits no segment is removed
  /// True: records are removed or compacted only after the groups that have a position there have
  /// read them. Not needed for changelogs, which their writer reads to the end.
  bool waits_for_readers = false;
  /// Only groups whose names begin with this text count; all records stay until one of them has a
  /// position. Empty: all groups count, and without a group no record waits.
  std::string reader;
  std::optional<CompactionOptions> compaction;  ///< nullopt: no compaction
  std::uint64_t segment_bytes = 0;
  std::optional<std::int64_t> segment_ms;  ///< SegmentOptions::segment_ms

  [[nodiscard]] bool has_any() const {
    return retention.retention_ms || retention.retention_bytes || compaction;
  }
};

/// The limits that result from the settings of a topic.
[[nodiscard]] TopicLimits limits_of(const TopicSpec& topic, const TopicSettings& settings,
                                    const SettleOptions& options);

}  // namespace millrace::log::embedded
