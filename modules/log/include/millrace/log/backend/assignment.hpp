// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::log {

/// A task of a group as the sharing sees it.
struct AssignmentTask {
  std::int32_t owner = -1;  ///< index of the live member that has it; -1: free
  /// By member: it named this task when it joined and may have it. Empty: all may.
  std::vector<bool> able;
};

/// What should change, by task. No change has to be made at once: each call decides from the state
/// that it is given, and grants and releases in any order lead to the same fair state.
struct Assignment {
  std::vector<std::int32_t> grant_to;  ///< member that may take this free task now; -1: none
  std::vector<bool> ask_back;          ///< the owner should release this task
};

/// Shares tasks among the live members 0..members-1, sticky and fair. Pure: tasks and members come
/// in an order that all members of the group see alike (tasks by name, members by age).
///
/// Each member's quota is floor or ceil of tasks / members; those that have most keep the larger
/// quotas, so that nothing moves without need. Free tasks go to able members below their quota, or,
/// where there are none, to the able member that has the fewest. Above its quota a member is asked
/// back tasks that a member below its quota may have and cannot get from the free ones.
[[nodiscard]] Assignment decide_assignment(std::span<const AssignmentTask> tasks,
                                           std::size_t members);

}  // namespace millrace::log
