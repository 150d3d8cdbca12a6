// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// A record with a key.
struct KeyedRecord {
  TopicPartition partition;
  Offset offset;
};

/// Looks for a record with a key in a topic, and returns the first one that it finds. It reads
/// about the first 64 KiB of the records of each partition; no value when no record there has a
/// key, or when the topic has no records. Call it before you add partitions, because then later
/// records of a key may be in another partition than earlier ones. The records of a compacted topic
/// always have keys: also check Log::topic_settings(). errc::topic_replaced, unknown_topic, and the
/// errors of Log::fetch().
///
///     MILLRACE_ASSIGN(const auto keyed, log::find_key(log, topic));
///     if (!keyed) {
///       MILLRACE_TRY(log.add_partitions(topic.id, 8));
///     }
[[nodiscard]] Result<std::optional<KeyedRecord>> find_key(Log& log, const Topic& topic);

}  // namespace millrace::log
