// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/board.hpp"

#include <chrono>
#include <utility>

namespace millrace::testkit::kafka_proxy {
namespace {

bool fits(const KafkaRule& rule, const KafkaRequest& request) {
  return (!rule.api || *rule.api == request.api) &&
         (!rule.broker || *rule.broker == request.broker) &&
         (!rule.commits || rule.commits == request.commits) &&
         request.client_id.starts_with(rule.client_id_prefix) &&
         (rule.transactional_id.empty() || rule.transactional_id == request.transactional_id) &&
         (rule.group.empty() || rule.group == request.group) &&
         (!rule.where || rule.where(request));
}

std::chrono::steady_clock::time_point time_in(std::int64_t ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

}  // namespace

Rule Board::add(KafkaRule rule) {
  auto state = std::make_shared<RuleState>(std::move(rule));
  const MutexLock lock(mutex_);
  rules_.push_back(state);
  return state;
}

Rule Board::choose(const KafkaRequest& request) {
  const MutexLock lock(mutex_);
  ++seen_[request.api];
  changed_.notify_all();
  for (const auto& state : rules_) {
    if (state->removed || !fits(state->rule, request)) continue;
    const auto number = state->fitted++;
    if (number < state->rule.skip || number - state->rule.skip >= state->rule.times) continue;
    return state;
  }
  return nullptr;
}

void Board::count_applied(const Rule& rule) {
  const MutexLock lock(mutex_);
  ++rule->applied;
  changed_.notify_all();
}

void Board::count_answered(const Rule& rule) {
  const MutexLock lock(mutex_);
  ++rule->answered;
  changed_.notify_all();
}

Board::Hold Board::hold_of(const Rule& rule) const {
  const MutexLock lock(mutex_);
  if (rule->lost) return Hold::lost;
  return rule->released ? Hold::released : Hold::waits;
}

void Board::release(const Rule& rule) {
  {
    const MutexLock lock(mutex_);
    rule->released = true;
  }
  waker_.wake();
}

void Board::lose(const Rule& rule) {
  {
    const MutexLock lock(mutex_);
    rule->lost = true;
  }
  waker_.wake();
}

void Board::remove(const Rule& rule) {
  const MutexLock lock(mutex_);
  rule->removed = true;
}

void Board::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::uint64_t Board::seen_locked(KafkaApi api) const {
  const auto found = seen_.find(api);
  return found == seen_.end() ? 0 : found->second;
}

std::uint64_t Board::seen(KafkaApi api) const {
  const MutexLock lock(mutex_);
  return seen_locked(api);
}

std::uint64_t Board::applied(const Rule& rule) const {
  const MutexLock lock(mutex_);
  return rule->applied;
}

bool Board::wait_seen(KafkaApi api, std::uint64_t times, std::int64_t limit_ms) const {
  const auto until = time_in(limit_ms);
  MutexLock lock(mutex_);
  while (seen_locked(api) < times && !closed_) {
    if (!changed_.wait_until(lock, until)) {
      break;
    }
  }
  return seen_locked(api) >= times;
}

bool Board::wait_applied(const Rule& rule, std::uint64_t times, std::int64_t limit_ms) const {
  const auto until = time_in(limit_ms);
  MutexLock lock(mutex_);
  while (rule->applied < times && !closed_) {
    if (!changed_.wait_until(lock, until)) {
      break;
    }
  }
  return rule->applied >= times;
}

bool Board::wait_answered(const Rule& rule, std::uint64_t times, std::int64_t limit_ms) const {
  const auto until = time_in(limit_ms);
  MutexLock lock(mutex_);
  while (rule->answered < times && !closed_) {
    if (!changed_.wait_until(lock, until)) {
      break;
    }
  }
  return rule->answered >= times;
}

}  // namespace millrace::testkit::kafka_proxy
