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

/// The position of a reader in a topic, for a program that stores it outside of the log, such as a
/// sink that writes to a database. Besides the offsets it contains the identity of the log, its
/// history and the topic. After the log was restored from a backup, cut or repaired, or the topic
/// was created again, the same offsets belong to other records. Then check_position() refuses the
/// position.
///
///     const TopicPosition position = position_in(log, orders, offsets);
///     MILLRACE_TRY(log.wait_durable(position.seen.position));
///     keep(position.to_text());
///
///     MILLRACE_ASSIGN(const TopicPosition kept, TopicPosition::from_text(text));
///     MILLRACE_TRY(check_position(log, orders, kept));
///
/// Before you store it, wait until the log is durable up to it. Otherwise it may be ahead of the
/// log after a power cut, and is refused. On a handle that only reads, wait_durable() fails with
/// errc::read_only until another member has made the position durable. Under DurabilityPolicy::os,
/// wait_durable() does not guarantee this. The positions of a group, which are in the log itself,
/// need none of this.
struct TopicPosition {
  std::string log;    ///< Log::identity()
  SeenLog seen;       ///< all records that were read are before this position; 0 and 0 on Kafka
  std::string topic;  ///< its name
  std::uint64_t topic_id = 0;   ///< stored_topic_id(); 0: not known
  std::vector<Offset> offsets;  ///< the offset of the next record of each partition

  friend bool operator==(const TopicPosition&, const TopicPosition&) = default;

  /// One line of printable text without a line end: docs/formats/topic_position.md.
  [[nodiscard]] std::string to_text() const;
  /// errc::incompatible when a newer build wrote the text; invalid_argument when the text is
  /// damaged or is not a position.
  [[nodiscard]] static Result<TopicPosition> from_text(std::string_view text);
};

/// Makes a position. `offsets` has one offset for each partition of the topic, up to which this
/// handle has read. Any thread.
[[nodiscard]] TopicPosition position_in(Log& log, const Topic& topic, std::vector<Offset> offsets);

/// Checks that the position belongs to this topic and is in the past of the log. It may have fewer
/// offsets than the topic has partitions, because partitions were added since. Any thread.
/// errc::unknown_lineage when it belongs to another log, or to a history that this log does not
/// know; out_of_range when the log lost records that were read; topic_replaced when the topic was
/// deleted and created again; invalid_argument when it belongs to a topic with another name; and
/// the errors of Log::check_past(). On Kafka it detects only another log (another cluster, prefix
/// or system), fewer partitions than before and, from Kafka 2.8 on, a topic that was created again.
/// It does not detect a cluster that was restored: there, a reader fails if an offset is after the
/// end of its partition.
[[nodiscard]] Status check_position(Log& log, const Topic& topic, const TopicPosition& position);

}  // namespace millrace::log
