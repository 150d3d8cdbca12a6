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

/// Tools are members of it while they wait for the end of others.
inline constexpr std::string_view tool_group = "millrace.tool";

/// For a tool that must not work while services do: returns when the groups that `chosen` picks
/// have no members; at once, and without a write, when they have none. Members that died are waited
/// for until they are expelled. On Kafka only members of the log do that, and nobody else may be
/// left: so `log` joins `tool_group` meanwhile. `pause` lets some time pass, such as 100 ms; when
/// it fails, so does this. `clock` is the one of the log. errc::busy names a member that lives, or
/// one that stays for three sessions although nothing is heard of it; failures of the log.
[[nodiscard]] Status await_empty_groups(Log& log, Clock& clock,
                                        const std::function<bool(const GroupInfo&)>& chosen,
                                        const std::function<Status()>& pause);

}  // namespace millrace::log
