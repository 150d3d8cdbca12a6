// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// A log whose handles number topics for themselves: it implements this too. A log that wraps
/// another one passes the call on.
class TopicNumbers {
 public:
  virtual ~TopicNumbers() = default;
  /// As log::stored_topic_id(). Thread-safe.
  [[nodiscard]] virtual std::uint64_t stored_topic_id(TopicId topic) = 0;
};

/// By what records and files outside of the log name a topic beside its name, when they have
/// offsets of it: a topic that was deleted and created again has the same name and another number.
/// All handles of the log return the same, and never the same for two topics of a name. Copies of
/// an embedded log have it, too. 0: the backend has no such number, as Kafka before 2.8; and there
/// for a topic that find_topic(), create_topic() and topics() did not return. Thread-safe.
[[nodiscard]] std::uint64_t stored_topic_id(Log& log, TopicId topic);

/// Whether what names a topic by `stored` is about another one than that whose number is `now`. It
/// is not when either is 0: what was written where topics had no numbers stays usable.
[[nodiscard]] constexpr bool is_another_topic(std::uint64_t stored, std::uint64_t now) {
  return stored != 0 && now != 0 && stored != now;
}

}  // namespace millrace::log
