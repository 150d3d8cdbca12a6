// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <chrono>

#include "memory/memory_handles.hpp"
#include "millrace/log/backend/rules.hpp"

namespace millrace::log {

using Lock = std::unique_lock<std::mutex>;

namespace {

bool contains(const std::vector<Claim>& claims, const Claim& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

}  // namespace

Result<std::unique_ptr<Membership>> MemoryLog::join(GroupId group, std::vector<std::string> units) {
  const Lock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(state_->check_group(group));
  for (const std::string& unit : units) {
    MILLRACE_TRY(check_name(unit, "a unit"));
  }
  const std::set<std::string> named(units.begin(), units.end());
  const std::uint64_t member = ++state_->last_member;
  state_->add_member(group, member, *handle_, named);
  return std::make_unique<MemoryMembership>(state_, handle_, group, member, named);
}

MemoryMembership::~MemoryMembership() {
  const Lock lock(state_->mutex);
  state_->remove_member(group_, member_);
}

Result<MembershipChange> MemoryMembership::poll() {
  const Lock lock(state_->mutex);
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  // A member that slept past its own time-out loses its claims first and joins again.
  state_->expire_members();
  state_->add_member(group_, member_, *handle_, units_);
  std::vector<Claim> lost;
  std::erase_if(held_, [&](const Claim& claim) {
    if (state_->is_current(claim)) {
      return false;
    }
    lost.push_back(claim);
    return true;
  });
  MembershipChange change = state_->share(group_, member_);
  change.lost = std::move(lost);
  held_.insert(held_.end(), change.granted.begin(), change.granted.end());
  std::vector<Claim> wanted = change.asked_back;
  std::erase_if(change.asked_back, [&](const Claim& claim) { return contains(asked_, claim); });
  asked_ = std::move(wanted);
  return change;
}

Status MemoryMembership::release(const Claim& claim) {
  const Lock lock(state_->mutex);
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  // A claim that was lost meanwhile belongs to somebody else: there is nothing to give back.
  if (contains(held_, claim)) {
    state_->free_unit(claim);
    std::erase(held_, claim);
  }
  return {};
}

std::unique_ptr<Waiter> MemoryLog::waiter() {
  return std::make_unique<MemoryWaiter>(state_, handle_);
}

WaitOutcome MemoryWaiter::wait(std::span<const Interest> interests, std::int64_t deadline_ns) {
  Lock lock(state_->mutex);
  for (;;) {
    if (interrupted_ || handle_->closed) {
      interrupted_ = false;
      return WaitOutcome::interrupted;
    }
    if (state_->has_news(interests)) {
      return WaitOutcome::ready;
    }
    const std::int64_t left_ns = deadline_ns - state_->clock.monotonic_ns();
    if (left_ns <= 0 || state_->simulated) {
      return WaitOutcome::timeout;
    }
    // Bounded, because the sum of an endless deadline and now does not fit into a time point.
    state_->changed.wait_for(
        lock, std::chrono::nanoseconds(std::min<std::int64_t>(left_ns, 3'600'000'000'000)));
  }
}

void MemoryWaiter::interrupt() {
  const Lock lock(state_->mutex);
  interrupted_ = true;
  state_->changed.notify_all();
}

}  // namespace millrace::log
