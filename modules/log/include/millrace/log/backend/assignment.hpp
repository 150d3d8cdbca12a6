// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::log {

/// A task of a group, as input of decide_assignment().
struct AssignmentTask {
  std::int32_t owner = -1;  ///< index of the live member that owns the task; -1: free
  /// For each member: true if it named this task when it joined and so may own it. Empty: all
  /// members may.
  std::vector<bool> able;
};

/// The changes to make, by task. The caller need not make them at once: each call decides from the
/// present state, and grants and releases in any order lead to the same fair state.
struct Assignment {
  std::vector<std::int32_t> grant_to;  ///< member that may take this free task now; -1: none
  std::vector<bool> ask_back;          ///< the owner should release this task
};

/// Assigns tasks to the live members 0..members-1. Members get equal shares, and tasks move only if
/// necessary. A pure function: all members of the group must pass tasks and members in the same
/// order (tasks by name, members by age).
///
/// The quota of each member is tasks / members, rounded down or up. The members that own most tasks
/// get the larger quotas, so that no task moves without need. A free task goes to an able member
/// below its quota or, if there is none, to the able member with the fewest tasks. A member above
/// its quota is asked to release a task if a member below its quota may own it and cannot get
/// enough free tasks.
[[nodiscard]] Assignment decide_assignment(std::span<const AssignmentTask> tasks,
                                           std::size_t members);

}  // namespace millrace::log
