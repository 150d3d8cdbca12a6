// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <string_view>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// Tools join this group while they wait for members of other groups to leave.
inline constexpr std::string_view tool_group = "millrace.tool";

/// For a tool that must not run while services run. Waits until all groups for which `chosen`
/// returns true have no members. Returns at once, and without a write, when they have no members.
/// Members that died count until they are expelled. On Kafka only members of the log can expel
/// others, and there may be no other member. So `log` joins `tool_group` meanwhile. `pause` waits a
/// short time, such as 100 ms; its error ends the wait. `clock` is the clock of the log. errc::busy
/// names a member that is alive, or a member that is still there after three silent sessions; also
/// the errors of the log.
[[nodiscard]] Status await_empty_groups(Log& log, Clock& clock,
                                        const std::function<bool(const GroupInfo&)>& chosen,
                                        const std::function<Status()>& pause);

}  // namespace millrace::log
