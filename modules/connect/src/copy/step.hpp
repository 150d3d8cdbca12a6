// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "copy/offset_map.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/seen_log.hpp"

namespace millrace::connect {

/// Records that one step copied of one partition: runs of the source. Where they landed is known
/// only after the commit, so the next step says it.
struct CopiedPartition {
  struct Run {
    std::int64_t source = 0;
    std::int64_t count = 0;
    friend bool operator==(const Run&, const Run&) = default;
  };
  PartitionName partition;
  std::vector<Run> runs;
  friend bool operator==(const CopiedPartition&, const CopiedPartition&) = default;
};

/// Where the records of the step before stand.
struct LandedPartition {
  PartitionName partition;
  std::int64_t first = 0;
  friend bool operator==(const LandedPartition&, const LandedPartition&) = default;
};

/// A position that a step set.
struct CopiedPosition {
  std::string group;
  PartitionName partition;
  std::int64_t source = 0;
  std::int64_t target = 0;
  friend bool operator==(const CopiedPosition&, const CopiedPosition&) = default;
};

/// A topic by name, and by log::stored_topic_id() in the source and in the target; 0: it has none.
struct NumberedTopic {
  std::string name;
  std::uint64_t source = 0;
  std::uint64_t target = 0;
  friend bool operator==(const NumberedTopic&, const NumberedTopic&) = default;
};

/// One transaction of a copy as it is written to the target's map, in that same transaction;
/// docs/formats/copy_map.md.
struct CopyStep {
  std::int64_t number = 0;  ///< from 1, without gaps
  std::string source;       ///< what is copied
  /// All that was copied of the source lies before it; no value for one on Kafka.
  std::optional<log::SeenLog> seen;
  /// Of which records are copied, where topics have numbers.
  std::vector<NumberedTopic> topics;
  std::vector<LandedPartition> landed;
  std::vector<CopiedPartition> copied;
  std::vector<CopiedPosition> positions;
  friend bool operator==(const CopyStep&, const CopyStep&) = default;
};

[[nodiscard]] std::string encode_step(const CopyStep& step);
/// base's errc::invalid_argument names the line that does not read.
[[nodiscard]] Result<CopyStep> decode_step(std::string_view text);

}  // namespace millrace::connect
