// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "memory/memory_state.hpp"
#include "millrace/log/backend/assignment.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

Result<GroupId> MemoryState::find_or_make_group(std::string_view name) {
  MILLRACE_TRY(check_name(name, "a group"));
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const Group& group) { return group.name == name; });
  if (found == groups.end()) {
    groups.push_back({std::string(name), {}, {}, {}});
    return GroupId{{static_cast<std::int32_t>(groups.size() - 1)}};
  }
  return GroupId{{static_cast<std::int32_t>(found - groups.begin())}};
}

Status MemoryState::check_group(GroupId id) const {
  if (id.value < 0 || static_cast<std::size_t>(id.value) >= groups.size()) {
    return fail(errc::not_found, "there is no group with the number " + std::to_string(id.value));
  }
  return {};
}

bool MemoryState::is_current(const Claim& claim) const {
  if (claim.place() < 0 || static_cast<std::size_t>(claim.place()) >= units.size()) {
    return false;
  }
  const Unit& unit = units[static_cast<std::size_t>(claim.place())];
  return unit.member != 0 && unit.group == claim.group() &&
         claim.epoch() == ClaimEpoch{committed.incarnation, unit.number};
}

Claim MemoryState::claim_of(std::int32_t slot) const {
  const Unit& unit = units[static_cast<std::size_t>(slot)];
  return {unit.group, unit.name, {committed.incarnation, unit.number}, slot};
}

void MemoryState::add_member(GroupId id, std::uint64_t member, const MemoryHandle& handle,
                             const std::set<std::string>& named) {
  Group& group = at(id);
  for (const std::string& name : named) {
    if (group.slots.emplace(name, static_cast<std::int32_t>(units.size())).second) {
      units.push_back({id, name, 0, 0});
    }
  }
  group.members[member] = {&handle, named, clock.monotonic_ns()};
}

void MemoryState::remove_member(GroupId id, std::uint64_t member) {
  at(id).members.erase(member);
  for (Unit& unit : units) {
    if (unit.member == member) {
      unit.member = 0;
    }
  }
}

void MemoryState::remove_members_of(const MemoryHandle& handle) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto members = groups[i].members;
    for (const auto& [id, member] : members) {
      if (member.handle == &handle) {
        remove_member(GroupId{{static_cast<std::int32_t>(i)}}, id);
      }
    }
  }
}

void MemoryState::expire_members() {
  const std::int64_t now_ns = clock.monotonic_ns();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto members = groups[i].members;
    for (const auto& [id, member] : members) {
      if (now_ns - member.polled_ns > member.handle->options.session_timeout_ms * 1'000'000) {
        remove_member(GroupId{{static_cast<std::int32_t>(i)}}, id);
      }
    }
  }
}

void MemoryState::free_unit(const Claim& claim) {
  if (is_current(claim)) {
    units[static_cast<std::size_t>(claim.place())].member = 0;
  }
}

MembershipChange MemoryState::share(GroupId id, std::uint64_t member) {
  const Group& group = at(id);
  std::vector<AssignmentUnit> wanted;
  std::int32_t me = -1;
  for (const auto& [name, slot] : group.slots) {
    AssignmentUnit unit;
    std::int32_t index = 0;
    for (const auto& [candidate, state] : group.members) {
      me = candidate == member ? index : me;
      unit.owner = units[static_cast<std::size_t>(slot)].member == candidate ? index : unit.owner;
      unit.able.push_back(state.units.contains(name));
      ++index;
    }
    wanted.push_back(std::move(unit));
  }
  const Assignment decision = decide_assignment(wanted, group.members.size());
  MembershipChange change;
  std::size_t i = 0;
  for (const auto& [name, slot] : group.slots) {
    if (decision.grant_to[i] == me && me >= 0) {
      Unit& unit = units[static_cast<std::size_t>(slot)];
      unit.member = member;
      unit.number = ++last_number;
      change.granted.push_back(claim_of(slot));
    } else if (decision.ask_back[i] && wanted[i].owner == me) {
      change.asked_back.push_back(claim_of(slot));
    }
    ++i;
  }
  return change;
}

std::vector<GroupInfo> MemoryState::describe_groups() {
  std::vector<GroupInfo> result;
  const std::int64_t now_ns = clock.monotonic_ns();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    GroupInfo info;
    info.id = GroupId{{static_cast<std::int32_t>(i)}};
    info.name = group.name;
    for (const auto& [id, member] : group.members) {
      info.members.push_back(
          {member.handle->options.member, 0, (now_ns - member.polled_ns) / 1'000'000});
    }
    for (const auto& [name, slot] : group.slots) {
      const Unit& unit = units[static_cast<std::size_t>(slot)];
      const auto owner = group.members.find(unit.member);
      info.units.push_back(
          {name, owner == group.members.end() ? "" : owner->second.handle->options.member,
           unit.number});
    }
    for (const auto& [place, next] : group.positions) {
      info.positions.push_back({place, next});
    }
    result.push_back(std::move(info));
  }
  return result;
}

}  // namespace millrace::log
