// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::log::embedded {

/// The table of members: our slot in it, heartbeats, and cleaning up after dead members.
/// Thread-safe.
class Members {
 public:
  /// Outlives it.
  explicit Members(LogDirectory& directory) : directory_(directory) {}

  /// Takes a slot and stores it in the directory. True when the slot belonged to a member that
  /// died; then settle() cleans it. errc::limit.
  [[nodiscard]] Result<bool> enter();
  /// Completes entering.
  void settle(const Locked& locked, bool inherited);
  /// Frees everything that a dead or leaving member had.
  void clean(const Locked& locked, std::uint32_t slot);
  /// The same for all members that died.
  void clean_dead(const Locked& locked);

  /// Shows the other members that we live, and lets the region watch new members.
  void heartbeat(std::int64_t now_ns);
  /// True if a member died, or a membership of a group did not poll within its session timeout.
  [[nodiscard]] bool has_dead_or_expired();
  /// Cleans up after them, and wakes all sleepers if there were some.
  void remove_dead_and_expired(const Locked& locked);
  /// Takes the tasks from memberships that did not poll within their session timeout. True if there
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
