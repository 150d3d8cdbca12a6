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

/// The number of a record in its partition. Offsets increase, may have gaps, and always identify
/// the same record.
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

/// A small number for a topic. On the embedded log it is permanent and the same for all handles; on
/// other logs it is valid only for one Log handle.
struct TopicId : Strong<TopicId, std::int32_t> {
  friend constexpr auto operator<=>(TopicId, TopicId) = default;
};

/// A small number for a group, valid in the same way as a TopicId.
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
  /// Opaque: store it together with `position`. The log changes it when commits may have been lost,
  /// so that Log::wait_durable() recognizes a position that was lost.
  std::uint32_t era = 0;
  std::uint64_t position = 0;
  friend constexpr bool operator==(const LogPosition&, const LogPosition&) = default;
  /// True if a log that ends at `end` cannot have returned this position.
  [[nodiscard]] constexpr bool is_beyond(const LogPosition& end) const {
    return era > end.era || position > end.position;
  }
};

/// The id of one history of a log, a random number. A log that lost commits or was restored from a
/// backup continues with another id: see Log::check_past(). 0: not known.
struct Lineage : Strong<Lineage, std::uint64_t> {
  friend constexpr auto operator<=>(Lineage, Lineage) = default;
};

/// Which services may write a topic, and which services read it.
enum class TopicKind : std::uint8_t {
  events = 1,         ///< facts: only the owner writes, every service may read
  commands = 2,       ///< requests to one service: every service may write, the owner reads
  private_topic = 3,  ///< only the owner writes and reads: changelogs, repartitions
  /// of the library (`__millrace.NAME`), compacted: each service writes the keys that begin with
  /// its name and `/`; every service may read
  system = 4
};
[[nodiscard]] std::string to_string(TopicKind kind);

/// The specification of a topic. It does not include TopicSettings.
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

/// When an acknowledged commit counts as durable. See docs/guide/log.md, "Durability".
enum class DurabilityPolicy : std::uint8_t {
  sync,      ///< a response waits until the commit is on the disk
  interval,  ///< the same, but the disk is synced only every LogOptions::sync_interval_ms
  os  ///< a response does not wait for the disk: a power cut may lose the last commits, the death
      ///< of a process loses none
};

}  // namespace millrace::log

template <>
struct std::hash<millrace::log::TopicPartition> {
  std::size_t operator()(const millrace::log::TopicPartition& tp) const noexcept {
    return static_cast<std::size_t>(tp.topic.value) * 0x9e3779b97f4a7c15U +
           static_cast<std::size_t>(tp.partition.value);
  }
};
