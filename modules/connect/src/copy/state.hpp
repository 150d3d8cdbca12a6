// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "copy/offset_map.hpp"
#include "copy/step.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// How far a copy is, as its map in the target says.
struct CopyState {
  std::int64_t last_step = 0;  ///< 0: nothing was copied yet
  std::string source;
  std::optional<log::SeenLog> seen;  ///< the last that a step says
  OffsetMap map;
  std::map<std::string, NumberedTopic> topics;  ///< whose numbers are known
  std::vector<CopiedPartition> copied;          ///< by the last step, in its order
  std::vector<LandedPartition> landed;          ///< where that landed: no step says it yet
  std::map<std::pair<std::string, PartitionName>, CopiedPosition> positions;  ///< as set last

  /// Takes the next step. errc::differs when it does not continue from the one before.
  [[nodiscard]] Status apply(CopyStep step);
  /// The records that the last step copied of this partition begin at `first`.
  void land(const CopiedPartition& partition, log::Offset first);
  /// Where the first record of a step that is copied next can stand.
  [[nodiscard]] log::Offset target_next(const PartitionName& partition) const;
};

/// The map, if the target has one.
[[nodiscard]] Result<std::optional<log::TopicPartition>> find_copy_map(log::Log& target);

/// Reads the whole map, and where the records of its last step landed. Failures of the log, and of
/// CopyState::apply.
[[nodiscard]] Result<CopyState> read_copy_state(log::Log& target, log::TopicPartition map);

/// Where the first record at or after `from` stands; nothing when there is none.
[[nodiscard]] Result<std::optional<log::Offset>> first_record(log::Log& log,
                                                              log::TopicPartition partition,
                                                              log::Offset from);

/// A partition by name. log::errc::unknown_topic.
[[nodiscard]] Result<log::TopicPartition> find_partition(log::Log& log, const PartitionName& name);

}  // namespace millrace::connect
