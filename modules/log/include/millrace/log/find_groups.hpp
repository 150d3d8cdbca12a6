// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// Which groups find_groups() returns, and what of them.
struct GroupsWanted {
  std::string_view name = {};  ///< of the one group; empty: all groups
  bool positions = true;       ///< false: GroupInfo::positions is empty
};

/// A log that asks others for each group of Log::groups(): it implements this too, so that only
/// what is wanted is asked for. A log that wraps another one passes the call on.
class GroupFinder {
 public:
  virtual ~GroupFinder() = default;
  /// As log::find_groups(). Thread-safe.
  [[nodiscard]] virtual Result<std::vector<GroupInfo>> find_groups(const GroupsWanted& wanted) = 0;
};

/// The groups of Log::groups() that are wanted, by id; none when no group has the name. On Kafka
/// each group has its positions at a coordinator of its own, which may be away, and ACLs may hide
/// them (errc::not_authorized): the coordinators of other groups are not asked, and without
/// positions none is. Members, tasks and owners can be read by all who may read the log. Failures
/// as Log::groups(). Thread-safe.
[[nodiscard]] Result<std::vector<GroupInfo>> find_groups(Log& log, const GroupsWanted& wanted);

}  // namespace millrace::log
