// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::log {

/// A unit of a group as the sharing sees it.
struct AssignmentUnit {
  std::int32_t owner = -1;  ///< index of the live member that has it; -1: free
  /// By member: it named this unit when it joined and may have it. Empty: all may.
  std::vector<bool> able;
};

/// What should change, by unit. No change has to be made at once: each call decides from the state
/// that it is given, and grants and releases in any order lead to the same fair state.
struct Assignment {
  std::vector<std::int32_t> grant_to;  ///< member that may take this free unit now; -1: none
  std::vector<bool> ask_back;          ///< the owner should release this unit
};

/// Shares units among the live members 0..members-1, sticky and fair. Pure: units and members come
/// in an order that all members of the group see alike (units by name, members by age).
///
/// Each member's quota is floor or ceil of units / members; those that have most keep the larger
/// quotas, so that nothing moves without need. Free units go to able members below their quota, or,
/// where there are none, to the able member that has the fewest. Above its quota a member is asked
/// back units that a member below its quota may have and cannot get from the free ones.
[[nodiscard]] Assignment decide_assignment(std::span<const AssignmentUnit> units,
                                           std::size_t members);

}  // namespace millrace::log
