// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace millrace::log {

/// An integer that cannot be mixed up with another kind of integer.
template <class Tag, class Rep>
struct Strong {
  Rep value{};
  friend constexpr auto operator<=>(Strong, Strong) = default;
};

/// The number of a record in its partition: it rises, may have gaps, and names one record for ever.
struct Offset : Strong<Offset, std::int64_t> {
  friend constexpr auto operator<=>(Offset, Offset) = default;
  /// The offset after this one.
  [[nodiscard]] constexpr Offset next() const { return Offset{{value + 1}}; }
};
[[nodiscard]] constexpr Offset offset(std::int64_t value) { return Offset{{value}}; }

/// Number of a partition within its topic, from 0.
struct PartitionId : Strong<PartitionId, std::int32_t> {
  friend constexpr auto operator<=>(PartitionId, PartitionId) = default;
};
[[nodiscard]] constexpr PartitionId partition(std::int32_t value) { return PartitionId{{value}}; }

/// A topic as a small number. On the embedded log it is the same for ever and for all; elsewhere
/// only for one Log handle.
struct TopicId : Strong<TopicId, std::int32_t> {
  friend constexpr auto operator<=>(TopicId, TopicId) = default;
};

/// A group as a small number, with the same reach as TopicId.
struct GroupId : Strong<GroupId, std::int32_t> {
  friend constexpr auto operator<=>(GroupId, GroupId) = default;
};

struct TopicPartition {
  TopicId topic;
  PartitionId partition;
  friend constexpr auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// A position in the order of commits of a whole log: the end of a commit. Positions of one log are
/// ordered by `position` alone. On Kafka there is no such order and both numbers are 0.
struct LogPosition {
  /// Opaque: others keep it beside `position` and pass both back. The log changes it when commits
  /// may have been lost, so that Log::wait_durable() recognizes a position that was.
  std::uint32_t era = 0;
  std::uint64_t position = 0;
  friend constexpr bool operator==(const LogPosition&, const LogPosition&) = default;
  /// True for a position that a log which ends at `end` cannot have returned.
  [[nodiscard]] constexpr bool is_beyond(const LogPosition& end) const {
    return era > end.era || position > end.position;
  }
};

/// One history of a log, a random number. A log that loses what it held, or is put back from a
/// backup, continues as another one: Log::check_past(). 0: none is known.
struct Lineage : Strong<Lineage, std::uint64_t> {
  friend constexpr auto operator<=>(Lineage, Lineage) = default;
};

/// Which services may write a topic and which read it.
enum class TopicKind : std::uint8_t {
  events = 1,         ///< facts: one service, its owner, writes; any reads
  commands = 2,       ///< requests to one service, its owner, which reads; any writes
  private_topic = 3,  ///< the owner's own: changelogs, repartitions
  /// of the library (`__millrace.NAME`), compacted: each service writes the keys that begin with
  /// its name and `/`; any reads
  system = 4
};
[[nodiscard]] std::string to_string(TopicKind kind);

/// What identifies a topic. How its records are kept is set apart: TopicSettings.
struct TopicSpec {
  std::string name;  ///< 1 to 249 of [A-Za-z0-9._-], as in Kafka
  std::int32_t partitions = 1;
  TopicKind kind = TopicKind::events;
  std::string owner;  ///< the service that owns it
  friend bool operator==(const TopicSpec&, const TopicSpec&) = default;
};

struct Topic {
  TopicId id;
  TopicSpec spec;
};

/// When an acknowledged commit can still be lost.
enum class DurabilityPolicy : std::uint8_t {
  sync,      ///< what leaves the system waits until it is on the disk
  interval,  ///< the same, and the disk is synced every so many ms
  os  ///< the edge waits for the commit only: a power cut may lose the last moments, a dead process
      ///< never
};

}  // namespace millrace::log

template <>
struct std::hash<millrace::log::TopicPartition> {
  std::size_t operator()(const millrace::log::TopicPartition& tp) const noexcept {
    return static_cast<std::size_t>(tp.topic.value) * 0x9e3779b97f4a7c15U +
           static_cast<std::size_t>(tp.partition.value);
  }
};
