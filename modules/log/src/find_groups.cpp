// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/find_groups.hpp"

namespace millrace::log {

Result<std::vector<GroupInfo>> find_groups(Log& log, const GroupsWanted& wanted) {
  if (auto* const finder = dynamic_cast<GroupFinder*>(&log)) return finder->find_groups(wanted);
  MILLRACE_ASSIGN(std::vector<GroupInfo> found, log.groups());
  std::erase_if(found, [&](const GroupInfo& group) {
    return !wanted.name.empty() && group.name != wanted.name;
  });
  if (wanted.positions) return found;
  for (GroupInfo& group : found)
    group.positions.clear();
  return found;
}

}  // namespace millrace::log
