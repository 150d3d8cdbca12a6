// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "members.hpp"

#include <atomic>
#include <string>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {

// Left for handles that need a slot, such as those of services.
constexpr int slots_kept = 16;

int slots_for(const LogOptions& options) {
  const int all = static_cast<int>(max_members);
  return options.access == LogAccess::prefer_write ? all - slots_kept : all;
}

/// Takes the first slot in that state that no living member has; false without one.
Result<bool> Members::take_slot(SlotState wanted) {
  SharedRegion& region = directory_.region();
  const int slots = slots_for(directory_.options());
  for (int candidate = 0; candidate < slots; ++candidate) {
    const MemberRow& row = directory_.control().members[candidate];
    if (row.state.load(std::memory_order_acquire) != wanted) {
      continue;
    }
    MILLRACE_ASSIGN(const bool taken, region.join(candidate));
    if (!taken) {
      continue;
    }
    if (row.state.load(std::memory_order_acquire) != wanted) {
      region.leave(candidate);
      continue;
    }
    directory_.set_slot(candidate);
    return true;
  }
  return false;
}

Result<bool> Members::enter() {
  MILLRACE_ASSIGN(const bool clean, take_slot(SlotState::free));
  if (!clean) {
    // Some slots may belong to dead members after which no member has cleaned up yet.
    MILLRACE_ASSIGN(const bool inherited, take_slot(SlotState::active));
    if (!inherited) {
      const int slots = slots_for(directory_.options());
      return fail(
          errc::limit,
          "{}: the log is open {} times, the limit{}; end some of the processes that have it open",
          directory_.path(), slots, slots < static_cast<int>(max_members) ? " for tools" : "");
    }
  }
  Control& control = directory_.control();
  MemberRow& row = control.members[directory_.slot()];
  const SharedRegion::Identity self = directory_.region().identity();
  row.lock_wait_since_ns.store(0, std::memory_order_relaxed);
  row.generation.fetch_add(1, std::memory_order_acq_rel);
  // Some look at a member while another one takes its slot, and then at the generation.
  std::atomic_ref(row.pid).store(self.pid, std::memory_order_release);
  std::atomic_ref(row.start_time).store(self.start_time, std::memory_order_release);
  row.heartbeat_ns.store(directory_.clock().monotonic_ns(), std::memory_order_relaxed);
  row.name.set(directory_.options().member);
  row.service.set(directory_.options().service);
  std::uint32_t high = control.members_high.load(std::memory_order_relaxed);
  const std::uint32_t wanted = directory_.owner();
  while (high < wanted && !control.members_high.compare_exchange_weak(high, wanted)) {
  }
  row.state.store(SlotState::active, std::memory_order_release);
  control.members_version.fetch_add(1, std::memory_order_acq_rel);
  return !clean;
}

void Members::settle(const Locked& locked, bool inherited) {
  Control& control = directory_.control();
  if (inherited) {
    const int slot = directory_.slot();
    clean(locked, static_cast<std::uint32_t>(slot));
    control.members[slot].state.store(SlotState::active, std::memory_order_release);
    control.members_version.fetch_add(1, std::memory_order_acq_rel);
  }
  clean_dead(locked);
  watch();
}

void Members::watch() {
  const Control& control = directory_.control();
  const MutexLock guard(watch_mutex_);
  const std::uint64_t version = control.members_version.load(std::memory_order_acquire);
  if (version == version_seen_) {
    return;
  }
  version_seen_ = version;
  const std::uint32_t high = control.members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < high; ++i) {
    const MemberRow& row = control.members[i];
    if (static_cast<int>(i) == directory_.slot()) {
      continue;
    }
    if (row.state.load(std::memory_order_acquire) == SlotState::active) {
      directory_.region().watch(static_cast<int>(i), row.pid);
    } else {
      directory_.region().unwatch(static_cast<int>(i));
    }
  }
}

void Members::heartbeat(std::int64_t now_ns) {
  directory_.control().members[directory_.slot()].heartbeat_ns.store(now_ns,
                                                                     std::memory_order_relaxed);
  watch();
}

void Members::free_membership(const Locked&, std::uint32_t index) {
  Control& control = directory_.control();
  for (std::uint32_t i = 0; i < control.tasks_used; ++i) {
    TaskRow& task = control.tasks[i];
    if (task.number != 0 && task.owner == index) {
      task.number = 0;
    }
  }
  control.group_members[index].state.store(SlotState::free, std::memory_order_release);
  control.groups_version.fetch_add(1, std::memory_order_release);
}

void Members::clean(const Locked& locked, std::uint32_t dead) {
  Control& control = directory_.control();
  const std::uint32_t members = control.group_members_high.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < members; ++i) {
    const GroupMemberRow& row = control.group_members[i];
    if (row.state.load(std::memory_order_relaxed) == SlotState::active && row.member == dead) {
      free_membership(locked, i);
    }
  }
  for (std::size_t i = 0; i < max_waiters; ++i) {
    WaiterRow& waiter = control.waiters[i];
    if (waiter.owner.load(std::memory_order_relaxed) == dead + 1) {
      control.sleeping[i / 64].fetch_and(~(1ULL << (i % 64)), std::memory_order_relaxed);
      waiter.owner.store(0, std::memory_order_release);
    }
  }
  for (std::atomic<std::uint32_t>* const owner :
       {&control.sync_leader, &control.checkpoint_owner, &control.compactor, &control.preparer,
        &control.scrubber}) {
    std::uint32_t expected = dead + 1;
    owner->compare_exchange_strong(expected, 0);
  }
  MemberRow& row = control.members[dead];
  row.lock_wait_since_ns.store(0, std::memory_order_relaxed);
  control.durable_sleepers.fetch_sub(row.durable_sleepers.exchange(0));
  row.state.store(SlotState::free, std::memory_order_release);
  control.members_version.fetch_add(1, std::memory_order_acq_rel);
}

bool Members::is_dead(std::uint32_t slot) {
  const MemberRow& row = directory_.control().members[slot];
  return row.state.load(std::memory_order_acquire) == SlotState::active &&
         static_cast<int>(slot) != directory_.slot() &&
         !directory_.region().alive(static_cast<int>(slot));
}

void Members::clean_dead(const Locked& locked) {
  const std::uint32_t high = directory_.control().members_high.load(std::memory_order_acquire);
  bool some = false;
  for (std::uint32_t i = 0; i < high; ++i) {
    if (is_dead(i)) {
      clean(locked, i);
      MILLRACE_FAULT_POINT("members.cleaned");
      some = true;
    }
  }
  if (some) {
    directory_.wake_everybody();
  }
}

bool Members::expire_memberships(const Locked& locked) {
  Control& control = directory_.control();
  const std::int64_t now = directory_.clock().awake_ns();
  const std::uint32_t high = control.group_members_high.load(std::memory_order_relaxed);
  bool some = false;
  for (std::uint32_t i = 0; i < high; ++i) {
    const GroupMemberRow& row = control.group_members[i];
    if (row.state.load(std::memory_order_relaxed) == SlotState::active &&
        now - row.heartbeat_ns.load(std::memory_order_relaxed) > row.session_ns) {
      free_membership(locked, i);
      some = true;
    }
  }
  return some;
}

bool Members::has_dead_or_expired() {
  const Control& control = directory_.control();
  const std::uint32_t high = control.members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < high; ++i) {
    if (is_dead(i)) {
      return true;
    }
  }
  const std::int64_t now_ns = directory_.clock().awake_ns();
  const std::uint32_t memberships = control.group_members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < memberships; ++i) {
    const GroupMemberRow& row = control.group_members[i];
    if (row.state.load(std::memory_order_acquire) == SlotState::active &&
        now_ns - row.heartbeat_ns.load(std::memory_order_relaxed) > row.session_ns) {
      return true;
    }
  }
  return false;
}

void Members::remove_dead_and_expired(const Locked& locked) {
  clean_dead(locked);
  if (expire_memberships(locked)) {
    directory_.wake_everybody();
  }
  watch();
}

}  // namespace millrace::log::embedded
