// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/seen_log.hpp"

namespace millrace::log {

/// Where a reader continues in a topic, for a program that keeps it outside of the log, such as a
/// sink that writes to a database. It names the log, its history and the topic beside the offsets:
/// after the log was put back from a backup, cut or repaired, or the topic was created again, the
/// same offsets name other records, and check_position() refuses it.
///
///     const TopicPosition position = position_in(log, orders, offsets);
///     MILLRACE_TRY(log.wait_durable(position.seen.position));
///     keep(position.to_text());
///
///     MILLRACE_ASSIGN(const TopicPosition kept, TopicPosition::from_text(text));
///     MILLRACE_TRY(check_position(log, orders, kept));
///
/// Keep it after the log is durable up to it: else it may be ahead of the log after a loss of
/// power, and is refused. On a handle that only reads, wait_durable() fails with errc::read_only
/// until another member made it durable; under DurabilityPolicy::os it promises nothing. A position
/// in the log itself, of a group, needs none of this.
struct TopicPosition {
  std::string log;              ///< Log::identity()
  SeenLog seen;                 ///< all that was read lies before it; 0 and 0 on Kafka
  std::string topic;            ///< its name
  std::uint64_t topic_id = 0;   ///< stored_topic_id(); 0: not known
  std::vector<Offset> offsets;  ///< of the next record, by partition

  friend bool operator==(const TopicPosition&, const TopicPosition&) = default;

  /// One line of printable text without a line end: docs/formats/topic_position.md.
  [[nodiscard]] std::string to_text() const;
  /// errc::incompatible when a newer build wrote it; invalid_argument for a text that is damaged or
  /// no position.
  [[nodiscard]] static Result<TopicPosition> from_text(std::string_view text);
};

/// The position at these offsets, one for each partition of the topic, which the handle has read up
/// to. Any thread.
[[nodiscard]] TopicPosition position_in(Log& log, const Topic& topic, std::vector<Offset> offsets);

/// Succeeds when the position is of this topic, and in the past of the log. It may have fewer
/// offsets than the topic has partitions: those were added since, and nothing was read of them. Any
/// thread. errc::unknown_lineage when it is of another log, or of a history that this log does not
/// know; out_of_range when the log lost what was read; topic_replaced when the topic was deleted
/// and created again; invalid_argument when it is of a topic with another name; and failures of
/// Log::check_past(). On Kafka it finds another log (another cluster, prefix or system) and fewer
/// partitions than before; a cluster that was put back, or a topic that was created again, only as
/// long as an offset is beyond the end, which who reads there finds.
[[nodiscard]] Status check_position(Log& log, const Topic& topic, const TopicPosition& position);

}  // namespace millrace::log
