// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// An additional interface of a log in which each handle has its own topic ids. A log that wraps
/// another log forwards the call.
class TopicNumbers {
 public:
  virtual ~TopicNumbers() = default;
  /// As log::stored_topic_id(). Thread-safe.
  [[nodiscard]] virtual std::uint64_t stored_topic_id(TopicId topic) = 0;
};

/// A number for a topic. Records and files outside of the log that contain offsets of a topic store
/// this number with its name, because a topic that was deleted and created again has the same name
/// but another number. All handles of the log return the same number. Two topics with the same name
/// never have the same number. A copy of an embedded log has the same numbers. 0 when the backend
/// has no such numbers, as Kafka before 2.8, and on Kafka for a topic that this handle has not got
/// from find_topic(), create_topic() or topics(). Thread-safe.
[[nodiscard]] std::uint64_t stored_topic_id(Log& log, TopicId topic);

/// True if a record or file with the number `stored` belongs to another topic than the one with the
/// number `now`. False if either number is 0, so that data from logs without such numbers stays
/// usable.
[[nodiscard]] constexpr bool is_another_topic(std::uint64_t stored, std::uint64_t now) {
  return stored != 0 && now != 0 && stored != now;
}

}  // namespace millrace::log
