// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// What compactions of a partition's segments have done so far: the file `compaction` beside them
/// (docs/formats/settled_segment.md).
struct CompactionState {
  static constexpr std::int64_t no_horizon = std::numeric_limits<std::int64_t>::max();

  /// Below it each key has at most one record.
  Offset clean_until;
  /// Tombstones below it may have been removed: a reader that knows the partition up to an earlier
  /// offset may miss that a key was deleted.
  Offset tombstones_complete_from;
  /// When tombstones may go that wait for nothing else; no_horizon without any.
  std::int64_t next_horizon_ms = no_horizon;
  friend bool operator==(const CompactionState&, const CompactionState&) = default;
};

/// The initial state when there is no file. errc::corrupt and errc::incompatible name it.
[[nodiscard]] Result<CompactionState> load_compaction_state(FileSystem& files,
                                                            const std::string& directory);
/// Durable on return. One caller at a time.
[[nodiscard]] Status save_compaction_state(FileSystem& files, const std::string& directory,
                                           const CompactionState& state);

}  // namespace millrace::log::embedded
