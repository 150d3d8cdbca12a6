// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "membership.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "groups.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/assignment.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "tables.hpp"

namespace millrace::log::embedded {
namespace {

bool contains(const std::vector<Claim>& claims, const Claim& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

Result<std::size_t> find_or_make_task(const Locked&, Control& control, GroupId group,
                                      std::string_view name) {
  for (std::size_t i = 0; i < control.tasks_used; ++i) {
    if (control.tasks[i].group == group.value && control.tasks[i].name.view() == name) {
      return i;
    }
  }
  const std::size_t made = control.tasks_used;
  if (made == max_tasks) {
    return fail(errc::limit,
                "the log's table of tasks is full ({}); use fewer partitions or sub-topologies, or "
                "a second log",
                max_tasks);
  }
  TaskRow& task = control.tasks[made];
  task.group = group.value;
  task.number = 0;
  task.name.set(name);
  task.used = 1;
  // Counted last: a death before it leaves a row that the next one overwrites.
  std::atomic_ref(control.tasks_used)
      .store(static_cast<std::uint32_t>(made) + 1, std::memory_order_release);
  return made;
}

}  // namespace

Result<std::unique_ptr<Membership>> EmbeddedMembership::join(Member& log, GroupId group,
                                                             std::vector<std::string> tasks) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_TRY(log.topics.check_group(group));
  for (const std::string& task : tasks) {
    MILLRACE_TRY(check_name(task, "a task"));
  }
  std::unique_ptr<EmbeddedMembership> made(new EmbeddedMembership(log, group, std::move(tasks)));
  MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
  MILLRACE_TRY(made->enter(locked));
  return made;
}

EmbeddedMembership::~EmbeddedMembership() {
  if (!log_.directory.check_open()) {
    return;
  }
  if (const auto locked = log_.lock_even_failed(); locked && is_active()) {
    log_.members.free_membership(*locked, seat_.load().row);
  }
}

GroupMemberRow& EmbeddedMembership::row() const {
  return log_.directory.control().group_members[seat_.load().row];
}

bool EmbeddedMembership::is_active() const {
  const Seat seat = seat_.load();
  const GroupMemberRow& row = log_.directory.control().group_members[seat.row];
  return row.state.load(std::memory_order_acquire) == SlotState::active &&
         row.generation.load(std::memory_order_relaxed) == seat.generation;
}

Status EmbeddedMembership::enter(const Locked& locked) {
  Control& control = log_.directory.control();
  std::uint64_t tasks[max_tasks / 64] = {};
  for (const std::string& task : tasks_) {
    MILLRACE_ASSIGN(const std::size_t found, find_or_make_task(locked, control, group_, task));
    tasks[found / 64] |= 1ULL << (found % 64);
  }
  const auto free_row =
      std::find_if(std::begin(control.group_members), std::end(control.group_members),
                   [](const GroupMemberRow& row) {
                     return row.state.load(std::memory_order_relaxed) == SlotState::free;
                   });
  if (free_row == std::end(control.group_members)) {
    return fail(errc::limit,
                "the log's table of group members is full ({}); end some instances of services",
                max_group_members);
  }
  GroupMemberRow& row = *free_row;
  const Seat seat{static_cast<std::uint32_t>(free_row - std::begin(control.group_members)),
                  row.generation.load(std::memory_order_relaxed) + 1};
  seat_.store(seat);
  row.generation.store(seat.generation, std::memory_order_relaxed);
  row.heartbeat_ns.store(log_.directory.clock().awake_ns(), std::memory_order_relaxed);
  row.session_ns = log_.directory.options().session_timeout_ms * 1'000'000;
  row.group = group_.value;
  row.member = static_cast<std::uint32_t>(log_.directory.slot());
  row.joined = ++control.join_number;
  std::copy(std::begin(tasks), std::end(tasks), std::begin(row.tasks));
  if (control.group_members_high.load(std::memory_order_relaxed) <= seat.row) {
    control.group_members_high.store(seat.row + 1, std::memory_order_release);
  }
  row.state.store(SlotState::active, std::memory_order_release);
  control.groups_version.fetch_add(1, std::memory_order_release);
  return {};
}

bool EmbeddedMembership::renew(std::int64_t now) {
  const std::int64_t before = row().heartbeat_ns.load(std::memory_order_relaxed);
  const std::int64_t session = log_.directory.options().session_timeout_ms * 1'000'000;
  if (!is_active() || now - before > session) {
    return false;
  }
  row().heartbeat_ns.store(now, std::memory_order_relaxed);
  return true;
}

bool EmbeddedMembership::is_quiet(std::int64_t now) {
  if (!renew(now)) {
    return false;
  }
  const std::int64_t session = log_.directory.options().session_timeout_ms * 1'000'000;
  const bool look = now - last_look_ns_ >= session / 10;
  if (look) {
    last_look_ns_ = now;
  }
  const Control& control = log_.directory.control();
  return !look && control.groups_version.load(std::memory_order_acquire) == seen_version_;
}

Status EmbeddedMembership::heartbeat() {
  MILLRACE_TRY(log_.directory.check_open());
  static_cast<void>(renew(log_.directory.clock().awake_ns()));
  return {};
}

Result<MembershipChange> EmbeddedMembership::poll() {
  MILLRACE_TRY(log_.directory.check_open());
  const std::int64_t now = log_.directory.clock().awake_ns();
  MembershipChange change;
  if (is_quiet(now)) {
    return change;
  }
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_.lock());
  // Also ourselves: who slept past its own time-out loses its claims first and joins again.
  log_.members.expire_memberships(locked);
  if (!is_active()) {
    MILLRACE_TRY(enter(locked));
  }
  row().heartbeat_ns.store(log_.directory.clock().awake_ns(), std::memory_order_relaxed);
  collect_lost(locked, change);
  // Read before sharing: what we take ourselves is a reason to look once more, for it may be too
  // much.
  seen_version_ = log_.directory.control().groups_version.load(std::memory_order_relaxed);
  share(locked, change);
  return change;
}

void EmbeddedMembership::collect_lost(const Locked& locked, MembershipChange& change) {
  std::erase_if(held_, [&](const Claim& claim) {
    const bool holds = claim_holds(locked, log_.directory.control(), claim);
    if (!holds) {
      change.lost.push_back(claim);
    }
    return !holds;
  });
}

Claim EmbeddedMembership::claim_of(const Locked&, std::size_t number) const {
  const TaskRow& task = log_.directory.control().tasks[number];
  return {group_,
          std::string(task.name.view()),
          {task.incarnation, task.number},
          static_cast<std::int64_t>(number)};
}

void EmbeddedMembership::share(const Locked& locked, MembershipChange& change) {
  Control& control = log_.directory.control();
  const std::vector<std::size_t> members = members_of(locked, control, group_);
  const std::vector<std::size_t> tasks = tasks_of(locked, control, group_);
  std::vector<AssignmentTask> wanted(tasks.size());
  const std::uint32_t own_row = seat_.load().row;
  const auto me = static_cast<std::int32_t>(std::find(members.begin(), members.end(), own_row) -
                                            members.begin());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TaskRow& task = control.tasks[tasks[i]];
    for (std::size_t m = 0; m < members.size(); ++m) {
      if (task.number != 0 && task.owner == members[m]) {
        wanted[i].owner = static_cast<std::int32_t>(m);
      }
      wanted[i].able.push_back(
          (control.group_members[members[m]].tasks[tasks[i] / 64] >> (tasks[i] % 64) & 1U) != 0);
    }
  }
  const Assignment decision = decide_assignment(wanted, members.size());
  std::vector<Claim> asked;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    TaskRow& task = control.tasks[tasks[i]];
    if (decision.grant_to[i] == me) {
      const std::uint64_t number = ++control.claim_number;
      task.owner = own_row;
      task.incarnation = control.incarnation;
      MILLRACE_FAULT_POINT("groups.inside_grant");
      // The claim is real with its number, which is written last.
      std::atomic_ref(task.number).store(number, std::memory_order_release);
      control.groups_version.fetch_add(1, std::memory_order_release);
      change.granted.push_back(claim_of(locked, tasks[i]));
      held_.push_back(change.granted.back());
    } else if (decision.ask_back[i] && wanted[i].owner == me) {
      asked.push_back(claim_of(locked, tasks[i]));
      if (!contains(asked_, asked.back())) {
        change.asked_back.push_back(asked.back());
      }
    }
  }
  asked_ = std::move(asked);
}

Status EmbeddedMembership::release(const Claim& claim) {
  MILLRACE_TRY(log_.directory.check_open());
  if (!contains(held_, claim)) {
    return {};
  }
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_.lock_even_failed());
  // A claim that was lost meanwhile belongs to somebody else: there is nothing to give back.
  if (claim_holds(locked, log_.directory.control(), claim)) {
    log_.directory.control().tasks[claim.slot()].number = 0;
    log_.directory.control().groups_version.fetch_add(1, std::memory_order_release);
  }
  std::erase(held_, claim);
  return {};
}

}  // namespace millrace::log::embedded
