// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_limits.hpp"

#include <algorithm>

#include "millrace/log/library_topics.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t commands_retention_ms = 7LL * 24 * 3'600 * 1'000;
// A snapshot of a store that is younger finds all deletions that it has not seen.
constexpr std::int64_t tombstone_retention_ms = 7LL * 24 * 3'600 * 1'000;
// The last segment is never compacted, and housekeeping waits while one is rewritten.
constexpr std::uint64_t compacted_segment_bytes = 16ULL << 20U;

}  // namespace

TopicLimits limits_of(const TopicSpec& topic, const SettleOptions& options) {
  TopicLimits limits;
  limits.segment_bytes = options.segment_bytes;
  if (topic.cleanup == CleanupPolicy::compact) {
    limits.segment_bytes = std::min(limits.segment_bytes, compacted_segment_bytes);
    limits.compaction.emplace();
    limits.compaction->segment_bytes = limits.segment_bytes;
    limits.compaction->delete_retention_ms = tombstone_retention_ms;
  } else if (topic.kind == TopicKind::commands && topic.owner != library_service) {
    limits.retention.retention_ms = commands_retention_ms;
    limits.waits_for_readers = true;
  }
  return limits;
}

}  // namespace millrace::log::embedded
