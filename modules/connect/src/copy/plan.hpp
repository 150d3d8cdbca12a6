// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "copy/offset_map.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// The group under whose claim a copier writes, and its only task.
inline constexpr std::string_view copy_group = "millrace.copy";
inline constexpr std::string_view copy_task = "copy";
/// The topic of the target that holds the map of the copy.
inline constexpr std::string_view copy_map_topic = "__millrace.copy";

/// When a topic is copied: what records refer to by partition and offset is copied before them.
/// Dead letters name other records, replays in `<service>.retry` those and dead letters, manifests
/// offsets in any topic of their service.
enum class CopyPhase : std::uint8_t { records, dead_letters, retries, manifests };
inline constexpr CopyPhase copy_phases[] = {CopyPhase::records, CopyPhase::dead_letters,
                                            CopyPhase::retries, CopyPhase::manifests};
/// By the name alone, which does not show manifests.
[[nodiscard]] CopyPhase phase_of(std::string_view topic);

/// A partition to copy.
struct PlannedPartition {
  PartitionName name;
  log::TopicPartition source;
  std::uint64_t stored_id = 0;  ///< log::stored_topic_id() of its topic
  bool compacted = false;
  CopyPhase phase = CopyPhase::records;
  log::Offset start;  ///< first offset that the source keeps
  log::Offset end;    ///< what is committed after this is not part of the copy
};

/// What there is to copy, as of one moment.
struct CopyPlan {
  struct Position {
    std::string group;
    PartitionName partition;
    log::Offset next;
  };
  struct PlannedTopic {
    log::TopicSpec spec;
    log::TopicSettings settings;
  };
  std::vector<PlannedTopic> topics;  ///< by name
  std::vector<PlannedPartition> partitions;
  std::vector<Position> positions;
  std::vector<std::string> live;  ///< groups with members: their services run
};

/// Looks at a log. `glob` (as of fnmatch) chooses topics by name; empty: all. Ranges of inputs are
/// left out: they name offsets of this log. errc::not_found when the pattern matches no topic, and
/// failures of the log.
[[nodiscard]] Result<CopyPlan> make_plan(log::Log& source, const std::string& glob);

/// The names of those that are live (copy.hpp).
[[nodiscard]] std::vector<std::string> live_groups(const std::vector<log::GroupInfo>& groups);

}  // namespace millrace::connect
