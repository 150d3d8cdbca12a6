// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "membership.hpp"

#include <algorithm>

#include "millrace/log/backend/assignment.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

bool contains(const std::vector<Claim>& claims, const Claim& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

}  // namespace

KafkaMembership::KafkaMembership(StateLog& state, Identity& identity, Visibility& visibility,
                                 GroupId group, std::vector<std::string> tasks)
    : state_(state),
      identity_(identity),
      visibility_(visibility),
      group_(group),
      tasks_(std::move(tasks)) {}

KafkaMembership::~KafkaMembership() {
  if (!state_.check()) return;
  for (const Claim& claim : held_)
    identity_.revoke(claim);
  identity_.leave(this, visibility_.hand_over(identity_) ? subscription_ : -1);
}

Status KafkaMembership::enter() {
  MILLRACE_ASSIGN(member_, identity_.member());
  const auto subscribed = state_.append({Subscribed{member_, group_.value, tasks_}});
  if (!subscribed) {
    // It may be there or come yet, and would get a share that nobody takes.
    identity_.give_up();
    return fail(subscribed.error());
  }
  subscription_ = *subscribed;
  identity_.polled(this);
  return {};
}

Claim KafkaMembership::claim_of(const std::string& task, std::int64_t epoch) const {
  return {group_, task, {0, static_cast<std::uint64_t>(epoch)}};
}

KafkaMembership::Share KafkaMembership::share() const {
  return state_.look([&](const State& state) {
    Share share;
    std::vector<std::int64_t> members;  // subscriptions of the group, oldest first
    std::vector<const State::Subscription*> theirs;
    for (const auto& [number, subscription] : state.subscriptions()) {
      if (subscription.group != group_.value) continue;
      members.push_back(number);
      theirs.push_back(&subscription);
    }
    const auto ours = std::find(members.begin(), members.end(), subscription_);
    if (ours == members.end()) return share;
    share.subscribed = true;
    const auto index_of = [&](std::int64_t number) {
      const auto found = std::find(members.begin(), members.end(), number);
      return found == members.end() ? -1 : static_cast<std::int32_t>(found - members.begin());
    };
    const std::int32_t me = index_of(subscription_);
    const auto& tasks = state.groups()[static_cast<std::size_t>(group_.value)].tasks;
    std::vector<AssignmentTask> asked;
    for (const auto& [name, task] : tasks) {
      AssignmentTask one{index_of(task.owner), {}};
      for (const State::Subscription* member : theirs)
        one.able.push_back(member->tasks.contains(name));
      asked.push_back(std::move(one));
    }
    const Assignment decided = decide_assignment(asked, members.size());
    std::size_t i = 0;
    for (const auto& [name, task] : tasks) {
      if (task.owner == subscription_) share.ours.push_back(claim_of(name, task.epoch));
      if (task.owner < 0 && decided.grant_to[i] == me) share.to_claim.push_back(name);
      if (task.owner == subscription_ && decided.ask_back[i]) share.asked_back.push_back(name);
      ++i;
    }
    return share;
  });
}

void KafkaMembership::lose_all(MembershipChange& change) {
  for (const Claim& claim : held_)
    identity_.revoke(claim);
  change.lost = std::move(held_);
  held_.clear();
  asked_.clear();
  released_.clear();
  subscription_ = -1;
}

void KafkaMembership::take_granted(const Share& share, MembershipChange& change) {
  for (const Claim& claim : share.ours) {
    if (contains(held_, claim) || contains(released_, claim)) continue;
    identity_.grant(claim);
    held_.push_back(claim);
    change.granted.push_back(claim);
  }
}

// One that could not be written when it was released.
Status KafkaMembership::retry_releases(const Share& share) {
  std::vector<StateRecord> records;
  std::erase_if(released_, [&](const Claim& claim) { return !contains(share.ours, claim); });
  for (const Claim& claim : released_)
    records.emplace_back(
        Released{subscription_, claim.task(), static_cast<std::int64_t>(claim.epoch().number)});
  if (records.empty()) return {};
  MILLRACE_TRY(state_.append(std::move(records)));
  return {};
}

Result<MembershipChange> KafkaMembership::poll() {
  MILLRACE_TRY(state_.check());
  MembershipChange change;
  identity_.polled(this);
  // While the cluster is away nothing changes; who loses claims meanwhile learns it afterwards.
  if (const Status caught_up = state_.catch_up(); !caught_up) {
    if (caught_up.error().is(errc::unavailable)) return change;
    return fail(caught_up.error());
  }
  Share now = share();
  if (!now.subscribed || identity_.current() != member_) {
    lose_all(change);
    if (const Status entered = enter(); !entered) {
      if (entered.error().is(errc::unavailable) || entered.error().is(errc::outcome_unknown))
        return change;
      return fail(entered.error());
    }
    now = share();
  }
  if (!now.to_claim.empty()) {
    std::vector<StateRecord> claims;
    for (std::string& task : now.to_claim)
      claims.emplace_back(Claimed{subscription_, std::move(task)});
    if (const auto claimed = state_.append(std::move(claims)); claimed) now = share();
  }
  take_granted(now, change);
  static_cast<void>(retry_releases(now));
  std::vector<Claim> wanted;
  for (const Claim& claim : now.ours) {
    const bool asked = std::find(now.asked_back.begin(), now.asked_back.end(), claim.task()) !=
                       now.asked_back.end();
    if (!asked || !contains(held_, claim)) continue;
    wanted.push_back(claim);
    if (!contains(asked_, claim)) change.asked_back.push_back(claim);
  }
  asked_ = std::move(wanted);
  static_cast<void>(identity_.heartbeat());
  return change;
}

Status KafkaMembership::heartbeat() {
  MILLRACE_TRY(state_.check());
  identity_.polled(this);
  // Tried again soon; damage of the state is for maintain() to report.
  static_cast<void>(identity_.heartbeat());
  return {};
}

Status KafkaMembership::release(const Claim& claim) {
  MILLRACE_TRY(state_.check());
  // A claim that was lost meanwhile belongs to somebody else: there is nothing to give back.
  if (std::erase(held_, claim) == 0) return {};
  identity_.revoke(claim);
  if (!visibility_.hand_over(identity_)) return {};
  released_.push_back(claim);
  const auto written = state_.append(
      {Released{subscription_, claim.task(), static_cast<std::int64_t>(claim.epoch().number)}});
  if (written) std::erase(released_, claim);
  return {};
}

}  // namespace millrace::log::kafka
