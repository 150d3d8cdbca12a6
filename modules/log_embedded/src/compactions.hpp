// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "catalog.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "settled/compaction.hpp"
#include "settler.hpp"

namespace millrace::log::embedded {

/// The compactions of a member: it does them one after the other, in small steps. Only one member
/// of a log compacts at a time. It keeps the right from the first step of a compaction to the last,
/// because it has the content of the file `compaction` in memory meanwhile. A member that makes no
/// step for a minute loses the right and must begin the compaction again. One thread uses it.
class Compactions {
 public:
  struct Wanted {
    TopicPartition partition;
    std::string path;     ///< of the settled segments
    std::size_t row = 0;  ///< of the partition
    CompactionOptions options;
    bool waits_for_readers = false;  ///< TopicLimits
    Offset settled;                  ///< of a durable checkpoint
    std::int64_t now_ms = 0;         ///< for the times of tombstones
  };
  struct Failed {
    std::size_t row = 0;
    Error error;
  };

  /// Both outlive it. Once `stopped` is set, step() ends soon.
  Compactions(LogDirectory& directory, Journal& journal, const std::atomic<bool>& stopped)
      : directory_(directory), journal_(journal), stopped_(stopped) {}

  /// Adds a compaction, unless the partition waits already.
  void add(Wanted wanted);
  /// Forgets the partitions of topics that were deleted.
  void forget_deleted(const Catalog& catalog);
  /// True if there is work, and this member or no member has the right to compact.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const;
  /// Call it before step(): takes the right to compact, and reads the positions of readers. False
  /// when another member has the right. Takes the writer lock when a compaction begins.
  [[nodiscard]] Result<bool> begin(const Settler::Lock& lock);
  /// Makes one step. A compaction that fails is dropped and returned.
  [[nodiscard]] std::optional<Failed> step();
  /// Drops all waiting compactions; the next pass adds them again.
  void give_up();

 private:
  [[nodiscard]] bool may_take(std::uint32_t owner, std::int64_t now_ns) const;
  void give_turn_up();

  LogDirectory& directory_;
  Journal& journal_;
  const std::atomic<bool>& stopped_;
  std::deque<Wanted> waiting_;
  std::unique_ptr<Compaction> compaction_;  ///< of the first of them, once it was begun
};

}  // namespace millrace::log::embedded
