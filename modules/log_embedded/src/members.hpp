// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::log::embedded {

/// The members of the log: our slot in their table, heartbeats, and cleaning up what dead members
/// held. Thread-safe.
class Members {
 public:
  /// Outlives it.
  explicit Members(LogDirectory& directory) : directory_(directory) {}

  /// Takes a slot, which becomes the directory's. True when it was inherited from a member that
  /// died: settle() cleans it. errc::limit.
  [[nodiscard]] Result<bool> enter();
  /// Completes entering.
  void settle(const Locked& locked, bool inherited);
  /// Frees what a dead or leaving member had.
  void clean(const Locked& locked, std::uint32_t slot);
  /// The same of all that died.
  void clean_dead(const Locked& locked);

  /// Shows the others that we live, and has the region watch those that came.
  void heartbeat(std::int64_t now_ns);
  /// Whether a member died, or a membership of a group did not poll for its session time-out.
  [[nodiscard]] bool has_dead_or_expired();
  /// Cleans up behind those, and wakes those who sleep when there were some.
  void remove_dead_and_expired(const Locked& locked);
  /// Takes tasks from memberships that did not poll for their session time-out. True when there
  /// were some.
  bool expire_memberships(const Locked& locked);
  /// Frees a row of the table of group members, and its tasks.
  void free_membership(const Locked& locked, std::uint32_t row);

 private:
  [[nodiscard]] Result<bool> take_slot(SlotState wanted);
  [[nodiscard]] bool is_dead(std::uint32_t slot);
  void watch();

  LogDirectory& directory_;
  Mutex watch_mutex_;
  std::uint64_t version_seen_ MILLRACE_GUARDED_BY(watch_mutex_) = 0;
};

}  // namespace millrace::log::embedded
