// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settling_watch.hpp"

#include <algorithm>
#include <atomic>

namespace millrace::log::embedded {
namespace {

// A sign of life comes with each round of settling and with housekeeping. Both may wait for a disk
// that syncs for long.
constexpr std::int64_t stuck_ns = 300'000'000'000;
constexpr std::int64_t longest_look_ns = 1'000'000'000;

}  // namespace

void SettlingWatch::look(std::int64_t now_ns) {
  Control& control = directory_.control();
  Seen seen;
  seen.owner = control.checkpoint_owner.load(std::memory_order_acquire);
  if (seen.owner == 0 || seen.owner == directory_.owner() || seen.owner > max_members) {
    last_ = {};
    return;
  }
  MemberRow& row = control.members[seen.owner - 1];
  const std::int64_t pid = std::atomic_ref(row.pid).load(std::memory_order_acquire);
  const std::uint64_t start_time = std::atomic_ref(row.start_time).load(std::memory_order_acquire);
  seen.generation = row.generation.load(std::memory_order_acquire);
  seen.heartbeat_ns = row.heartbeat_ns.load(std::memory_order_acquire);
  idle_ns_ = seen == last_ ? idle_ns_ + std::min(now_ns - looked_ns_, longest_look_ns) : 0;
  last_ = seen;
  looked_ns_ = now_ns;
  if (idle_ns_ < stuck_ns) {
    return;
  }
  idle_ns_ = 0;
  if (pid == directory_.region().identity().pid) {
    return;  // another handle of this process, which has more to do than to settle
  }
  // One that is dead is cleaned up behind next. What fails is tried again after the same time.
  static_cast<void>(directory_.region().kill(static_cast<int>(seen.owner) - 1, pid, start_time));
}

std::string SettlingWatch::holder() const {
  Control& control = directory_.control();
  const std::uint32_t owner = control.checkpoint_owner.load(std::memory_order_acquire);
  if (owner == 0 || owner > max_members) {
    return "another member";
  }
  MemberRow& row = control.members[owner - 1];
  return "member '" + std::string(row.name.view()) + "' (pid " +
         std::to_string(std::atomic_ref(row.pid).load(std::memory_order_relaxed)) + ")";
}

}  // namespace millrace::log::embedded
