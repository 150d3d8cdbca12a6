// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "core.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

// Who takes part: joining, heartbeats, and what becomes of the dead.
namespace millrace::log::embedded {

Result<bool> Core::take_slot(SlotState wanted) {
  for (int candidate = 0; candidate < static_cast<int>(max_members); ++candidate) {
    const MemberRow& row = control->members[candidate];
    if (row.state.load(std::memory_order_acquire) != wanted) {
      continue;
    }
    MILLRACE_ASSIGN(const bool taken, region->join(candidate));
    if (!taken) {
      continue;
    }
    if (row.state.load(std::memory_order_acquire) != wanted) {
      region->leave(candidate);
      continue;
    }
    slot = candidate;
    return true;
  }
  return false;
}

Status Core::join() {
  MILLRACE_ASSIGN(const bool clean, take_slot(SlotState::free));
  if (!clean) {
    // Perhaps some only look taken, by members whose death nobody has seen to.
    MILLRACE_ASSIGN(const bool inherited, take_slot(SlotState::active));
    if (!inherited) {
      return fail(errc::limit, directory + ": the log has its limit of " +
                                   std::to_string(max_members) + " members");
    }
  }
  MemberRow& row = control->members[slot];
  const SharedRegion::Identity self = region->identity();
  row.lock_wait_since_ns.store(0, std::memory_order_relaxed);
  row.generation.fetch_add(1, std::memory_order_acq_rel);
  row.pid = self.pid;
  row.start_time = self.start_time;
  row.heartbeat_ns.store(environment.clock.monotonic_ns(), std::memory_order_relaxed);
  row.name.set(options.member);
  row.service.set(options.service);
  std::uint32_t high = control->members_high.load(std::memory_order_relaxed);
  const auto wanted = static_cast<std::uint32_t>(slot) + 1;
  while (high < wanted && !control->members_high.compare_exchange_weak(high, wanted)) {
  }
  row.state.store(SlotState::active, std::memory_order_release);
  control->members_version.fetch_add(1, std::memory_order_acq_rel);
  writer_lock = std::make_unique<WriterLock>(*control, *region, environment.clock, slot,
                                             embedded.stuck_holder_ms);
  const MutexLock guard(maintain_mutex_);
  last_sync_ns_ = environment.clock.monotonic_ns();
  // Once through the lock: what a member that died in it left half done is repaired before we read
  // anything.
  MILLRACE_ASSIGN(const WriterLock::Held locked, lock_even_failed());
  if (!clean) {
    clean_slot(locked, static_cast<std::uint32_t>(slot));
    row.state.store(SlotState::active, std::memory_order_release);
    control->members_version.fetch_add(1, std::memory_order_acq_rel);
  }
  clean_dead_members(locked);
  watch_members();
  return {};
}

void Core::watch_members() {
  const std::uint64_t version = control->members_version.load(std::memory_order_acquire);
  if (version == members_seen_) {
    return;
  }
  members_seen_ = version;
  const std::uint32_t high = control->members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < high; ++i) {
    const MemberRow& row = control->members[i];
    if (static_cast<int>(i) == slot) {
      continue;
    }
    if (row.state.load(std::memory_order_acquire) == SlotState::active) {
      region->watch(static_cast<int>(i), row.pid);
    } else {
      region->unwatch(static_cast<int>(i));
    }
  }
}

void Core::free_group_member(const Locked&, std::uint32_t index_of_row) {
  for (std::uint32_t i = 0; i < control->units_used; ++i) {
    UnitRow& unit = control->units[i];
    if (unit.number != 0 && unit.owner == index_of_row) {
      unit.number = 0;
    }
  }
  control->group_members[index_of_row].state.store(SlotState::free, std::memory_order_release);
  control->groups_version.fetch_add(1, std::memory_order_release);
}

void Core::clean_slot(const Locked& locked, std::uint32_t dead) {
  const std::uint32_t members = control->group_members_high.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < members; ++i) {
    const GroupMemberRow& row = control->group_members[i];
    if (row.state.load(std::memory_order_relaxed) == SlotState::active && row.member == dead) {
      free_group_member(locked, i);
    }
  }
  for (std::size_t i = 0; i < max_waiters; ++i) {
    WaiterRow& waiter = control->waiters[i];
    if (waiter.owner.load(std::memory_order_relaxed) == dead + 1) {
      control->sleeping[i / 64].fetch_and(~(1ULL << (i % 64)), std::memory_order_relaxed);
      waiter.owner.store(0, std::memory_order_release);
    }
  }
  std::uint32_t leader = dead + 1;
  control->sync_leader.compare_exchange_strong(leader, 0);
  leader = dead + 1;
  control->checkpoint_owner.compare_exchange_strong(leader, 0);
  leader = dead + 1;
  control->preparer.compare_exchange_strong(leader, 0);
  MemberRow& row = control->members[dead];
  row.lock_wait_since_ns.store(0, std::memory_order_relaxed);
  control->durable_sleepers.fetch_sub(row.durable_sleepers.exchange(0));
  row.state.store(SlotState::free, std::memory_order_release);
  control->members_version.fetch_add(1, std::memory_order_acq_rel);
}

void Core::clean_dead_members(const Locked& locked) {
  const std::uint32_t high = control->members_high.load(std::memory_order_acquire);
  bool some = false;
  for (std::uint32_t i = 0; i < high; ++i) {
    const bool active =
        control->members[i].state.load(std::memory_order_acquire) == SlotState::active;
    if (active && static_cast<int>(i) != slot && !region->alive(static_cast<int>(i))) {
      clean_slot(locked, i);
      MILLRACE_FAULT_POINT("members.cleaned");
      some = true;
    }
  }
  if (some) {
    wake_everybody();
  }
}

bool Core::expire_memberships(const Locked& locked) {
  const std::int64_t now = environment.clock.monotonic_ns();
  const std::uint32_t high = control->group_members_high.load(std::memory_order_relaxed);
  bool some = false;
  for (std::uint32_t i = 0; i < high; ++i) {
    const GroupMemberRow& row = control->group_members[i];
    if (row.state.load(std::memory_order_relaxed) == SlotState::active &&
        now - row.heartbeat_ns.load(std::memory_order_relaxed) > row.session_ns) {
      free_group_member(locked, i);
      some = true;
    }
  }
  return some;
}

Status Core::maintain() {
  const MutexLock guard(maintain_mutex_);
  MILLRACE_TRY(check_in_place());
  const std::int64_t now = environment.clock.monotonic_ns();
  control->members[slot].heartbeat_ns.store(now, std::memory_order_relaxed);
  watch_members();
  const std::uint32_t high = control->members_high.load(std::memory_order_acquire);
  bool dead = false;
  for (std::uint32_t i = 0; i < high && !dead; ++i) {
    const bool active =
        control->members[i].state.load(std::memory_order_acquire) == SlotState::active;
    dead = active && static_cast<int>(i) != slot && !region->alive(static_cast<int>(i));
  }
  bool silent = false;
  const std::uint32_t memberships = control->group_members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < memberships && !silent; ++i) {
    const GroupMemberRow& row = control->group_members[i];
    silent = row.state.load(std::memory_order_acquire) == SlotState::active &&
             now - row.heartbeat_ns.load(std::memory_order_relaxed) > row.session_ns;
  }
  if (dead || silent) {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock_even_failed());
    clean_dead_members(locked);
    if (expire_memberships(locked)) {
      wake_everybody();
    }
    watch_members();
  }
  MILLRACE_TRY(check_not_failed());
  const bool due = options.durability == DurabilityPolicy::interval &&
                   now - last_sync_ns_ >= options.sync_interval_ms * 1'000'000;
  const std::uint64_t committed = control->committed.load(std::memory_order_acquire);
  if (due && control->durable.load(std::memory_order_acquire) < committed) {
    last_sync_ns_ = now;
    MILLRACE_TRY(lead_or_wait(committed));
  }
  prepare_segments();
  return checkpoint_when_due();
}

}  // namespace millrace::log::embedded
