// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// Which groups find_groups() returns, and with which data.
struct GroupsWanted {
  std::string_view name = {};  ///< the name of one group; empty: all groups
  bool positions = true;       ///< false: GroupInfo::positions is empty
};

/// An additional interface of a log that needs requests for each group in Log::groups(), so that it
/// can ask only for the groups that are wanted. A log that wraps another log forwards the call.
class GroupFinder {
 public:
  virtual ~GroupFinder() = default;
  /// As log::find_groups(). Thread-safe.
  [[nodiscard]] virtual Result<std::vector<GroupInfo>> find_groups(const GroupsWanted& wanted) = 0;
};

/// Returns the groups that are wanted, by id; none when no group has the name. On Kafka the
/// positions of each group are at its own coordinator, which may be unavailable, and ACLs may hide
/// them (errc::not_authorized). This function asks only the coordinators of the wanted groups, and
/// none if positions are not wanted. Every handle that may read the log can read members, tasks and
/// owners. Errors are those of Log::groups(). Thread-safe.
[[nodiscard]] Result<std::vector<GroupInfo>> find_groups(Log& log, const GroupsWanted& wanted);

}  // namespace millrace::log
