// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/status_board.hpp"

#include <algorithm>

namespace millrace::stream::runtime {

namespace {
constexpr std::int64_t lag_interval_ns = 1'000'000'000;
}  // namespace

void StatusBoard::update(bool ended) {
  const MutexLock lock(mutex_);
  count(status_);
  const bool joined = list_missing(status_);
  const Tasks::List& tasks = tasks_->list();
  if (tasks_->take_changed()) {
    status_.tasks.resize(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i)
      status_.tasks[i].name = tasks[i]->claim().task();
  }
  status_.ready = joined && tasks_->polled() && !tasks_->lost_without_owner() && !ended;
  ++version_;
  reached_.clear();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    tasks[i]->describe(status_.tasks[i]);
    status_.ready &= tasks[i]->ready();
    if (!tasks[i]->ready()) continue;
    for (const log::Interest& input : tasks[i]->reached())
      reached_.emplace_back(i, input);
  }
  ready_.store(status_.ready, std::memory_order_release);
}

void StatusBoard::count(InstanceStatus& status) const {
  status.records = shared_->records;
  status.commits = shared_->commits;
  status.refused_commits = shared_->refused_commits;
  status.dead_letters = shared_->dead_lettered;
  status.skipped = shared_->skipped;
  status.late = shared_->late;
  status.failed_firings = shared_->failed_firings;
  status.idle_waits = shared_->idle_waits;
  status.catch_up_waits = shared_->catch_up_waits;
}

// True when every sub-topology has joined its group, or waits for topics that are named.
bool StatusBoard::list_missing(InstanceStatus& status) const {
  bool joined = true;
  std::vector<std::string>& waiting = status.waiting_for_topics;
  waiting.clear();
  for (const auto& member : tasks_->members()) {
    joined &= member->joined() || !member->missing().empty();
    for (const std::string& topic : member->missing()) {
      if (std::find(waiting.begin(), waiting.end(), topic) == waiting.end())
        waiting.push_back(topic);
    }
  }
  return joined;
}

InstanceStatus StatusBoard::status() const {
  InstanceStatus status;
  {
    const MutexLock lock(mutex_);
    status = status_;
  }
  status.ms_since_progress = progress_->ms_since();
  const SharedLock lock(tasks_->mutex());
  const Tasks::List& tasks = tasks_->list();
  for (std::size_t i = 0; i < std::min(tasks.size(), status.tasks.size()); ++i) {
    InstanceStatus::Task& shown = status.tasks[i];
    const Task& task = *tasks[i];
    if (shown.name != task.claim().task()) continue;  // tasks came or went since then
    shown.in_hand = task.in_hand();
    if (shown.lag == 0) continue;
    if (const std::int64_t oldest_ms = task.oldest_ms(); oldest_ms >= 0)
      shown.oldest_unprocessed_ms = oldest_ms;
    if (shown.oldest_unprocessed_ms < 0)
      shown.oldest_unprocessed_ms = shared_->environment.clock.wall_ms() - status.ms_since_progress;
  }
  return status;
}

std::optional<std::string> StatusBoard::stalled() const {
  const std::int64_t since_ms = progress_->ms_since();
  if (since_ms <= shared_->log.options().session_timeout_ms) return {};
  const SharedLock lock(tasks_->mutex());
  for (const auto& task : tasks_->list()) {
    const std::string in_hand = task->in_hand();
    if (in_hand.empty()) continue;
    return "nothing was committed for " + std::to_string(since_ms / 1'000) + " s: a handler of " +
           task->claim().task() + " works on " + in_hand;
  }
  return {};
}

void StatusBoard::refresh_lag(std::int64_t now_ns) {
  std::vector<log::TopicPartition> partitions;
  std::uint64_t version = 0;
  {
    const MutexLock lock(mutex_);
    if (now_ns - std::max(lag_looked_ns_, progress_->stepped_ns()) < lag_interval_ns) return;
    lag_looked_ns_ = now_ns;
    version = version_;
    for (const auto& [task, input] : reached_)
      partitions.push_back(input.partition);
  }
  if (partitions.empty()) return;
  const auto ends = shared_->log.end_offsets(partitions);
  const MutexLock lock(mutex_);
  if (!ends || version != version_) return;
  for (const auto& [task, input] : reached_)
    status_.tasks[task].lag = 0;
  for (std::size_t i = 0; i < reached_.size(); ++i) {
    const auto& [task, input] = reached_[i];
    status_.tasks[task].lag += std::max<std::int64_t>(0, (*ends)[i].value - input.next.value);
  }
}

void StatusBoard::report_stall() {
  const std::optional<std::string> stall = stalled();
  if (stall_reported_.exchange(stall.has_value()) == stall.has_value()) return;
  if (stall) {
    shared_->report(Level::warn, "no progress", *stall);
  } else {
    shared_->report(Level::info, "progress again", shared_->topology.service);
  }
}

}  // namespace millrace::stream::runtime
