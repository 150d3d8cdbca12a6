// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/empty_groups.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"

namespace millrace::log {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t sessions_max = 3;
// What a member that died had sent may be heard a little later.
constexpr std::int64_t late_share = 10;  // of a session

struct InTheWay {
  std::string text;  // for people
  bool lives = false;
  std::int64_t session_ms = 0;
};

// The one that shows best whether there is something to wait for: one that lives, else any.
std::optional<InTheWay> find_member(const std::vector<GroupInfo>& groups,
                                    const std::function<bool(const GroupInfo&)>& chosen,
                                    std::int64_t waited_ms) {
  std::optional<InTheWay> found;
  for (const GroupInfo& group : groups) {
    if (group.members.empty() || !chosen(group)) continue;
    for (const GroupInfo::Member& member : group.members) {
      const bool lives = member.heartbeat_age_ms + 1 < waited_ms - member.session_ms / late_share;
      if (!found || (lives && !found->lives))
        found = InTheWay{member.name + " of group " + group.name, lives, member.session_ms};
    }
  }
  return found;
}

}  // namespace

Status await_empty_groups(Log& log, Clock& clock,
                          const std::function<bool(const GroupInfo&)>& chosen,
                          const std::function<Status()>& pause) {
  const std::int64_t since_ns = clock.monotonic_ns();
  std::unique_ptr<Membership> ours;
  for (;;) {
    MILLRACE_ASSIGN(const std::vector<GroupInfo> groups, find_groups(log, {.positions = false}));
    const std::int64_t waited_ms = (clock.monotonic_ns() - since_ns) / ns_per_ms;
    const auto member = find_member(groups, chosen, waited_ms);
    if (!member) return {};
    if (member->lives) return fail(errc::busy, "member {} lives: stop it first", member->text);
    const std::int64_t session_ms = std::max(member->session_ms, log.options().session_timeout_ms);
    if (waited_ms > sessions_max * session_ms) {
      return fail(errc::busy,
                  "member {} was not heard of for {} ms and is still there: stop it, or try again",
                  member->text, waited_ms);
    }
    if (ours == nullptr) {
      MILLRACE_ASSIGN(const GroupId group, log.group(tool_group));
      MILLRACE_ASSIGN(ours, log.join(group, {"tool"}));
    }
    MILLRACE_TRY(log.maintain());
    MILLRACE_TRY(ours->poll());
    MILLRACE_TRY(pause());
  }
}

}  // namespace millrace::log
