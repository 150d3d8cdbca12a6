// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "waiter.hpp"

#include <algorithm>

#include "fetch.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// Longest sleep at a stretch; and without a row of its own, when nobody can wake us.
constexpr std::int64_t longest_sleep_ns = 1'000'000'000;
constexpr std::int64_t polling_sleep_ns = 1'000'000;
// The row of `__catalog`.
constexpr std::size_t catalog_row = 0;

}  // namespace

EmbeddedWaiter::EmbeddedWaiter(Member& log) : log_(log) {
  const std::uint32_t owner = log.directory.owner();
  for (std::size_t i = 0; i < max_waiters && row_ < 0; ++i) {
    std::uint32_t expected = 0;
    if (log.directory.control().waiters[i].owner.compare_exchange_strong(
            expected, owner, std::memory_order_acq_rel)) {
      row_ = static_cast<int>(i);
    }
  }
  if (row_ >= 0) {
    for (auto& word : log.directory.control().waiters[row_].interests) {
      word.store(0, std::memory_order_relaxed);
    }
  }
}

EmbeddedWaiter::~EmbeddedWaiter() {
  if (row_ >= 0 && !log_.directory.region().dead()) {
    log_.directory.control().waiters[row_].owner.store(0, std::memory_order_release);
  }
}

bool EmbeddedWaiter::has_news(std::span<const Interest> interests) {
  return std::any_of(interests.begin(), interests.end(), [&](const Interest& interest) {
    const auto row = log_.topics.row(interest.partition);
    if (!row) {
      return row.error().is(errc::topic_replaced);
    }
    const auto visible = visible_end(log_, **row);
    return visible && visible->end > interest.next.value;
  });
}

bool EmbeddedWaiter::show_interests(std::span<const Interest> interests) {
  const bool same = interests.size() == shown_.size() &&
                    std::equal(shown_.begin(), shown_.end(), interests.begin(),
                               [](const TopicPartition& partition, const Interest& interest) {
                                 return partition == interest.partition;
                               });
  if (same || row_ < 0) {
    return true;
  }
  WaiterRow& row = log_.directory.control().waiters[row_];
  for (auto& word : row.interests) {
    word.store(0, std::memory_order_relaxed);
  }
  shown_.clear();
  bool all = true;
  for (const Interest& interest : interests) {
    shown_.push_back(interest.partition);
    const auto found = log_.topics.row(interest.partition);
    all = all && found.has_value();
    const std::size_t number =
        found ? static_cast<std::size_t>(*found - log_.directory.control().partitions)
              : catalog_row;
    row.interests[number / 64].fetch_or(1ULL << (number % 64), std::memory_order_relaxed);
  }
  if (!all) {
    shown_.clear();
  }
  return all;
}

bool EmbeddedWaiter::sleep_once(std::span<const Interest> interests, std::int64_t deadline_ns,
                                std::uint64_t alarms, WaitOutcome& outcome) {
  Control& control = log_.directory.control();
  std::atomic<std::uint32_t>* word = row_ >= 0 ? &control.waiters[row_].word : nullptr;
  const std::uint32_t seen = word != nullptr ? word->load(std::memory_order_acquire) : 0;
  if (interrupted_.exchange(false, std::memory_order_seq_cst) ||
      control.alarms.load(std::memory_order_seq_cst) != alarms || log_.directory.region().dead()) {
    outcome = WaitOutcome::interrupted;
    return false;
  }
  if (has_news(interests)) {
    outcome = WaitOutcome::ready;
    return false;
  }
  const std::int64_t left_ns = deadline_ns - log_.directory.clock().monotonic_ns();
  if (left_ns <= 0) {
    outcome = WaitOutcome::timeout;
    return false;
  }
  if (word != nullptr) {
    log_.directory.region().wait(futex_of(*word), seen, std::min(left_ns, longest_sleep_ns));
  } else {
    log_.directory.region().wait(&own_word_, 0, std::min(left_ns, polling_sleep_ns));
  }
  return true;
}

WaitOutcome EmbeddedWaiter::wait(std::span<const Interest> interests, std::int64_t deadline_ns) {
  if (!log_.directory.check_open()) {
    return WaitOutcome::interrupted;
  }
  Control& control = log_.directory.control();
  const std::uint64_t alarms = control.alarms.load(std::memory_order_seq_cst);
  if (!interrupted_.load(std::memory_order_acquire) && has_news(interests)) {
    return WaitOutcome::ready;
  }
  WaitOutcome outcome = WaitOutcome::timeout;
  bool again = true;
  bool all_shown = false;
  while (again) {
    all_shown = all_shown || show_interests(interests);
    if (row_ >= 0) {
      control.sleeping[row_ / 64].fetch_or(1ULL << (row_ % 64), std::memory_order_seq_cst);
    }
    again = sleep_once(interests, deadline_ns, alarms, outcome);
  }
  if (row_ >= 0) {
    control.sleeping[row_ / 64].fetch_and(~(1ULL << (row_ % 64)), std::memory_order_relaxed);
  }
  return outcome;
}

void EmbeddedWaiter::interrupt() {
  interrupted_.store(true, std::memory_order_seq_cst);
  if (row_ >= 0 && !log_.directory.region().dead()) {
    std::atomic<std::uint32_t>& word = log_.directory.control().waiters[row_].word;
    word.fetch_add(1, std::memory_order_seq_cst);
    log_.directory.region().wake(futex_of(word), 1);
  }
}

}  // namespace millrace::log::embedded
