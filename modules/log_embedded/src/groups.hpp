// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "member.hpp"

namespace millrace::log::embedded {

/// Log::group: finds or makes.
[[nodiscard]] Result<GroupId> find_or_make_group(Member& log, std::string_view name);
/// Log::groups.
[[nodiscard]] Result<std::vector<GroupInfo>> describe_groups(Member& log);
/// The same from the tables as they are.
[[nodiscard]] std::vector<GroupInfo> describe_tables(const Locked& locked, LogParts& log);

/// The active members of a group, oldest first, as rows of the table of group members.
[[nodiscard]] std::vector<std::size_t> members_of(const Locked&, const Control& control,
                                                  GroupId group);
/// The tasks of a group by name, as rows of the table of tasks.
[[nodiscard]] std::vector<std::size_t> tasks_of(const Locked&, const Control& control,
                                                GroupId group);

}  // namespace millrace::log::embedded
