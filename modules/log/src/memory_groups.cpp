// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "memory_groups.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/interval.hpp"
#include "millrace/log/backend/assignment.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

GroupId id_of(std::size_t index) { return GroupId{{static_cast<std::int32_t>(index)}}; }

}  // namespace

Result<GroupId> MemoryGroups::find_or_make(std::string_view name) {
  MILLRACE_TRY(check_name(name, "a group"));
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const Group& group) { return group.name == name; });
  const auto index = static_cast<std::size_t>(found - groups_.begin());
  if (found == groups_.end()) {
    groups_.push_back({std::string(name), {}, {}, {}});
  }
  return id_of(index);
}

Status MemoryGroups::check(GroupId id) const {
  if (id.value < 0 || static_cast<std::size_t>(id.value) >= groups_.size()) {
    return fail(errc::not_found, "there is no group with the number {}", id.value);
  }
  return {};
}

std::optional<Offset> MemoryGroups::position(GroupId id, TopicPartition partition) const {
  const auto& positions = groups_[static_cast<std::size_t>(id.value)].positions;
  const auto found = positions.find(partition);
  return found == positions.end() ? std::nullopt : std::optional(found->second);
}

void MemoryGroups::set_position(GroupId id, TopicPartition partition, Offset next) {
  at(id).positions[partition] = next;
}

void MemoryGroups::remove_positions(TopicId topic) {
  for (Group& group : groups_) {
    std::erase_if(group.positions, [&](const auto& one) { return one.first.topic == topic; });
  }
}

void MemoryGroups::add(GroupId id, std::uint64_t member, const LogOptions& handle,
                       const std::set<std::string>& tasks) {
  Group& group = at(id);
  for (const std::string& name : tasks) {
    if (group.tasks.emplace(name, tasks_.size()).second) {
      tasks_.push_back({id, name, 0, 0});
    }
  }
  group.members[member] = {&handle, tasks, clock_.monotonic_ns()};
}

void MemoryGroups::renew(GroupId id, std::uint64_t member) {
  const auto found = at(id).members.find(member);
  if (found == at(id).members.end()) {
    return;
  }
  const std::int64_t now_ns = clock_.monotonic_ns();
  const std::int64_t session_ns = ns_of_ms(found->second.handle->session_timeout_ms);
  if (now_ns - found->second.heartbeat_ns <= session_ns) {
    found->second.heartbeat_ns = now_ns;
  }
}

void MemoryGroups::remove(GroupId id, std::uint64_t member) {
  at(id).members.erase(member);
  for (Task& task : tasks_) {
    if (task.member == member) {
      task.member = 0;
    }
  }
}

template <class Gone>
void MemoryGroups::remove_if(Gone gone) {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const auto members = groups_[i].members;
    for (const auto& [number, member] : members) {
      if (gone(member)) {
        remove(id_of(i), number);
      }
    }
  }
}

void MemoryGroups::remove_all_of(const LogOptions& handle) {
  remove_if([&](const Member& member) { return member.handle == &handle; });
}

void MemoryGroups::expire() {
  remove_if([now_ns = clock_.monotonic_ns()](const Member& member) {
    return now_ns - member.heartbeat_ns > ns_of_ms(member.handle->session_timeout_ms);
  });
}

bool MemoryGroups::holds(const Claim& claim) const {
  if (claim.slot() < 0 || static_cast<std::size_t>(claim.slot()) >= tasks_.size()) {
    return false;
  }
  const Task& task = tasks_[static_cast<std::size_t>(claim.slot())];
  return task.member != 0 && task.group == claim.group() &&
         claim.epoch() == ClaimEpoch{memory_incarnation, task.number};
}

Claim MemoryGroups::claim_of(std::size_t index) const {
  const Task& task = tasks_[index];
  return {
      task.group, task.name, {memory_incarnation, task.number}, static_cast<std::int64_t>(index)};
}

void MemoryGroups::free_task(const Claim& claim) {
  if (holds(claim)) {
    tasks_[static_cast<std::size_t>(claim.slot())].member = 0;
  }
}

MembershipChange MemoryGroups::share(GroupId id, std::uint64_t member) {
  const Group& group = at(id);
  std::vector<AssignmentTask> wanted;
  std::int32_t me = -1;
  for (const auto& [name, index_of_task] : group.tasks) {
    AssignmentTask task;
    std::int32_t index = 0;
    for (const auto& [candidate, state] : group.members) {
      me = candidate == member ? index : me;
      task.owner = tasks_[index_of_task].member == candidate ? index : task.owner;
      task.able.push_back(state.tasks.contains(name));
      ++index;
    }
    wanted.push_back(std::move(task));
  }
  const Assignment decision = decide_assignment(wanted, group.members.size());
  MembershipChange change;
  std::size_t i = 0;
  for (const auto& [name, index_of_task] : group.tasks) {
    if (decision.grant_to[i] == me && me >= 0) {
      Task& task = tasks_[index_of_task];
      task.member = member;
      task.number = ++last_number_;
      change.granted.push_back(claim_of(index_of_task));
    } else if (decision.ask_back[i] && wanted[i].owner == me) {
      change.asked_back.push_back(claim_of(index_of_task));
    }
    ++i;
  }
  return change;
}

std::vector<GroupInfo> MemoryGroups::describe() const {
  std::vector<GroupInfo> result;
  const std::int64_t now_ns = clock_.monotonic_ns();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    GroupInfo info;
    info.id = id_of(i);
    info.name = group.name;
    for (const auto& [number, member] : group.members) {
      info.members.push_back({member.handle->member, 0, (now_ns - member.heartbeat_ns) / 1'000'000,
                              member.handle->session_timeout_ms});
    }
    for (const auto& [name, index] : group.tasks) {
      const Task& task = tasks_[index];
      const auto owner = group.members.find(task.member);
      info.tasks.push_back(
          {name, owner == group.members.end() ? "" : owner->second.handle->member, task.number});
    }
    for (const auto& [partition, next] : group.positions) {
      info.positions.push_back({partition, next});
    }
    result.push_back(std::move(info));
  }
  return result;
}

}  // namespace millrace::log
