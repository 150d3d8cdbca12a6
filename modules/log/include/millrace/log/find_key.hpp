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

/// Looks whether the records of a topic have keys: returns one that has a key. No value when there
/// is none among the first 64 KiB or so of the records that each partition keeps, so also for a
/// topic without records. Call it before partitions are added: later records of a key may then be
/// in another partition than earlier ones. A topic that is compacted has keys, whatever this finds:
/// see Log::topic_settings(). errc::topic_replaced, unknown_topic, and those of Log::fetch().
///
///     MILLRACE_ASSIGN(const auto keyed, log::find_key(log, topic));
///     if (!keyed) {
///       MILLRACE_TRY(log.add_partitions(topic.id, 8));
///     }
[[nodiscard]] Result<std::optional<KeyedRecord>> find_key(Log& log, const Topic& topic);

}  // namespace millrace::log
