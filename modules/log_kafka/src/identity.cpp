// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "identity.hpp"

#include <algorithm>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {

namespace {
constexpr int beats_per_session = 5;
}

Status expel(const ClientConfig& config, StateLog& state, std::int64_t member,
             const std::string& transactional_id) {
  MILLRACE_TRY(Producer::open_transactional(config, transactional_id));
  MILLRACE_TRY(state.append({Ended{member}}));
  return {};
}

Identity::Identity(const ClientConfig& config, const LogOptions& options, StateLog& state,
                   Clock& clock, std::string unique, ProcessName self)
    : config_(config),
      options_(options),
      state_(state),
      clock_(clock),
      unique_(std::move(unique)),
      self_(std::move(self)) {}

Identity::~Identity() {
  const MutexLock lock(mutex_);
  if (abandoned_ || member_ < 0) return;
  const bool clean = producer_ != nullptr && producer_->usable();
  producer_.reset();
  // The members that are left find out by themselves if this fails.
  if (clean) {
    static_cast<void>(state_.tell(Ended{member_}));
  } else {
    static_cast<void>(settle_old());
  }
}

bool Identity::lives() const {
  const std::int64_t member = member_;
  return member >= 0 && producer_ != nullptr && producer_->usable() &&
         state_.look([&](const State& state) { return state.members().contains(member); });
}

std::int64_t Identity::current() const {
  if (mutex_.try_lock()) {
    const MutexLock lock(mutex_, std::adopt_lock);
    return lives() ? member_ : -1;
  }
  // A commit is under way. The caller keeps up the heartbeats and must not wait for it.
  const MutexLock beat_lock(beat_mutex_);
  return beating_;
}

Result<std::int64_t> Identity::member() {
  const MutexLock lock(mutex_);
  if (abandoned_) return fail(closed_error(options_.member));
  if (lives()) return member_;
  MILLRACE_TRY(settle_old());
  MILLRACE_TRY(join());
  return member_;
}

Status Identity::settle_old() {
  drop();
  if (member_ < 0) return {};
  const std::int64_t member = member_;
  const bool ended =
      state_.look([&](const State& state) { return !state.members().contains(member); });
  if (!ended) MILLRACE_TRY(expel(config_, state_, member_, transactional_id_));
  member_ = -1;
  return {};
}

Status Identity::join() {
  // Never the same id again: a process that means to fence the old one cannot hit the new one.
  transactional_id_ =
      config_.in_kafka("millrace." + unique_ + "." + std::to_string(++incarnation_));
  MILLRACE_ASSIGN(producer_, Producer::open_transactional(config_, transactional_id_));
  MILLRACE_ASSIGN(
      member_,
      state_.append({Joined{transactional_id_, options_.member, self_, state_.announcement()}}));
  state_.become(member_);
  const MutexLock lock(beat_mutex_);
  beating_ = member_;
  beat_ns_ = clock_.monotonic_ns();
  return {};
}

Status Identity::commit(const std::vector<Claim>& claims,
                        const std::function<Status(Producer&)>& write) {
  const MutexLock lock(mutex_);
  if (abandoned_) return fail(closed_error(options_.member));
  const bool alive = lives();
  for (const Claim& claim : claims) {
    if (!alive || std::find(claims_.begin(), claims_.end(), claim) == claims_.end())
      return fail(fenced_error(claim));
  }
  Status status = write(*producer_);
  if (!producer_->usable()) {
    claims_.clear();
    // current() may not see the producer: another commit may be under way when it is asked.
    stop_beating();
  }
  return status;
}

void Identity::stop_beating() {
  const MutexLock lock(beat_mutex_);
  beating_ = -1;
}

void Identity::grant(const Claim& claim) {
  const MutexLock lock(mutex_);
  claims_.push_back(claim);
}

void Identity::revoke(const Claim& claim) {
  const MutexLock lock(mutex_);
  std::erase(claims_, claim);
}

void Identity::polled(const void* membership) {
  const MutexLock lock(beat_mutex_);
  polled_ns_[membership] = clock_.monotonic_ns();
}

void Identity::leave(const void* membership, std::int64_t subscription) {
  {
    const MutexLock lock(beat_mutex_);
    polled_ns_.erase(membership);
  }
  if (subscription < 0) return;
  if (state_.append({Unsubscribed{subscription}})) return;
  const MutexLock lock(beat_mutex_);
  owed_.emplace_back(Unsubscribed{subscription});
}

Status Identity::heartbeat() {
  std::vector<StateRecord> records;
  {
    const MutexLock lock(beat_mutex_);
    if (beating_ < 0) return {};
    const std::int64_t now_ns = clock_.monotonic_ns();
    const std::int64_t session_ns = options_.session_timeout_ms * 1'000'000;
    if (now_ns - beat_ns_ < session_ns / beats_per_session) return {};
    const bool all_poll = std::all_of(polled_ns_.begin(), polled_ns_.end(), [&](const auto& one) {
      return now_ns - one.second < session_ns;
    });
    // A commit has a limit of its own; who is stuck elsewhere does not deserve its tasks.
    if (!all_poll && working_ == 0) return {};
    records = std::move(owed_);
    owed_.clear();
    records.emplace_back(Heartbeat{beating_, state_.announcement()});
    beat_ns_ = now_ns;
  }
  const auto written = state_.append(records);
  if (written) return {};
  const MutexLock lock(beat_mutex_);
  beat_ns_ = 0;
  records.pop_back();
  owed_.insert(owed_.end(), records.begin(), records.end());
  return fail(written.error());
}

void Identity::give_up() {
  const MutexLock lock(mutex_);
  drop();
}

// Without heartbeats the others see to the end that this one may not be able to tell of.
void Identity::drop() {
  claims_.clear();
  producer_.reset();
  stop_beating();
}

Status Identity::end() {
  const MutexLock lock(mutex_);
  return settle_old();
}

void Identity::abandon() {
  const MutexLock lock(mutex_);
  abandoned_ = true;
  claims_.clear();
  stop_beating();
}

}  // namespace millrace::log::kafka
