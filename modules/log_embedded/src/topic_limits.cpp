// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_limits.hpp"

#include <algorithm>

#include "millrace/log/library_topics.hpp"

namespace millrace::log::embedded {
namespace {

// The last segment is neither removed nor compacted, and housekeeping waits while one is rewritten.
constexpr std::uint64_t cleaned_segment_bytes = 16ULL << 20U;
// So much longer than they have to, records stay at most for a segment that is not full.
constexpr std::int64_t segments_of_retention = 7;
// Where more keys changed, a compaction reads the segments several times.
constexpr std::size_t map_bytes = 16U << 20U;

}  // namespace

TopicLimits limits_of(const TopicSpec& topic, const TopicSettings& settings,
                      const SettleOptions& options) {
  TopicLimits limits;
  limits.segment_bytes = std::min(options.segment_bytes, settings.segment_bytes);
  if (settings.compacts) {
    limits.compaction.emplace();
    limits.compaction->delete_retention_ms = settings.delete_retention_ms;
    limits.compaction->min_compaction_lag_ms = settings.min_compaction_lag_ms;
    limits.compaction->map_bytes = map_bytes;
  }
  if (settings.deletes) {
    limits.retention = {settings.retention_ms, settings.retention_bytes};
  }
  if (limits.retention.retention_ms.value_or(0) > 0) {
    limits.segment_ms =
        std::max<std::int64_t>(*limits.retention.retention_ms / segments_of_retention, 1);
  }
  if (limits.has_any()) {
    limits.waits_for_readers = topic.kind != TopicKind::private_topic || is_repartition(topic);
    if (is_repartition(topic)) {
      limits.reader = topic.owner + "/";
    }
    limits.segment_bytes = std::min(limits.segment_bytes, cleaned_segment_bytes);
  }
  if (limits.compaction) {
    limits.compaction->segment_bytes = limits.segment_bytes;
  }
  return limits;
}

}  // namespace millrace::log::embedded
