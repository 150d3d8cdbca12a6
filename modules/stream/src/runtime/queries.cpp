// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What any thread may ask an instance: values of stores, and its state.
#include <algorithm>

#include "runtime/core.hpp"

namespace millrace::stream {

namespace {
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t lag_interval_ns = 1'000 * ms;
}  // namespace

Result<Answer<std::optional<std::string>>> Instance::Core::read(std::string_view store,
                                                                std::string_view key) const {
  const StoreSpec* const spec = find_store(store);
  if (spec == nullptr) return fail(unknown_store(store));
  const SharedLock lock(tasks_mutex_);
  std::int32_t ready = 0;
  std::int32_t partitions = 0;
  Answer<std::optional<std::string>> answer;
  for (const auto& task : tasks_) {
    const ByteStore* const bytes = task->find_store(spec->id);
    if (bytes == nullptr) continue;
    partitions = task->resolved().partitions;
    if (!task->ready()) continue;
    ++ready;
    answer.value = bytes->read(key);
    const log::LogPosition position = task->position();
    if (answer.value || answer.position.position < position.position) answer.position = position;
    if (answer.value) return answer;
  }
  // How the inputs were partitioned is their writers' affair, so a key that no task here has may be
  // anywhere else.
  if (partitions == 0 || ready < partitions) {
    return fail(errc::not_ready, "store " + std::string(store) +
                                     ": the key may be in a task that is not restored yet, or that "
                                     "another instance runs; ask again");
  }
  return answer;
}

Result<Answer<std::vector<std::pair<std::string, std::string>>>> Instance::Core::read_range(
    std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const {
  const StoreSpec* const spec = find_store(store);
  if (spec == nullptr) return fail(unknown_store(store));
  const SharedLock lock(tasks_mutex_);
  Answer<std::vector<std::pair<std::string, std::string>>> answer;
  bool any = false;
  for (const auto& task : tasks_) {
    const ByteStore* const bytes = task->find_store(spec->id);
    if (bytes == nullptr) continue;
    any = task->ready();
    if (!any) break;
    std::size_t taken = 0;
    bytes->read_range(from, to, [&](std::string_view key, std::string_view value) {
      if (taken++ == limit) return false;
      answer.value.emplace_back(key, value);
      return true;
    });
    const log::LogPosition position = task->position();
    if (answer.position.position < position.position) answer.position = position;
  }
  if (!any)
    return fail(errc::not_ready,
                "store " + std::string(store) +
                    ": its tasks are not restored yet, or other instances run them; ask again");
  std::sort(answer.value.begin(), answer.value.end());
  if (answer.value.size() > limit) answer.value.resize(limit);
  return answer;
}

const StoreSpec* Instance::Core::find_store(std::string_view name) const {
  for (const StoreSpec& store : topology_.stores) {
    if (store.name == name) return &store;
  }
  return nullptr;
}

Error Instance::Core::unknown_store(std::string_view name) const {
  std::string known;
  for (const StoreSpec& store : topology_.stores)
    known.append(known.empty() ? "" : ", ").append(store.name);
  return {errc::unknown_store, "there is no store " + std::string(name) +
                                   "; there are: " + (known.empty() ? "none" : known)};
}

InstanceStatus Instance::Core::status() const {
  InstanceStatus status;
  {
    const MutexLock lock(status_mutex_);
    status = status_;
  }
  status.ms_since_progress = ms_since_progress();
  const SharedLock lock(tasks_mutex_);
  for (std::size_t i = 0; i < std::min(tasks_.size(), status.tasks.size()); ++i) {
    InstanceStatus::Task& shown = status.tasks[i];
    const Task& task = *tasks_[i];
    if (shown.name != task.claim().unit()) continue;  // tasks came or went since then
    shown.in_hand = task.in_hand();
    if (shown.lag == 0) continue;
    if (const std::int64_t oldest_ms = task.oldest_ms(); oldest_ms >= 0)
      shown.oldest_unprocessed_ms = oldest_ms;
    if (shown.oldest_unprocessed_ms < 0)
      shown.oldest_unprocessed_ms = environment_.clock.wall_ms() - status.ms_since_progress;
  }
  return status;
}

std::int64_t Instance::Core::ms_since_progress() const {
  return (environment_.clock.monotonic_ns() - progress_ns_) / ms;
}

std::optional<std::string> Instance::Core::stalled() const {
  const std::int64_t since_ms = ms_since_progress();
  if (since_ms <= shared_.log.options().session_timeout_ms) return {};
  const SharedLock lock(tasks_mutex_);
  for (const auto& task : tasks_) {
    const std::string in_hand = task->in_hand();
    if (in_hand.empty()) continue;
    return "nothing was committed for " + std::to_string(since_ms / 1'000) + " s: a handler of " +
           task->claim().unit() + " works on " + in_hand;
  }
  return {};
}

// A step that takes long does not see what its inputs get meanwhile.
void Instance::Core::refresh_lag(std::int64_t now_ns) {
  std::vector<log::TopicPartition> places;
  std::uint64_t version = 0;
  {
    const MutexLock lock(status_mutex_);
    if (now_ns - std::max(lag_looked_ns_, stepped_ns_.load()) < lag_interval_ns) return;
    lag_looked_ns_ = now_ns;
    version = status_version_;
    for (const auto& [task, input] : reached_)
      places.push_back(input.place);
  }
  if (places.empty()) return;
  const auto ends = shared_.log.end_offsets(places);
  const MutexLock lock(status_mutex_);
  if (!ends || version != status_version_) return;
  for (const auto& [task, input] : reached_)
    status_.tasks[task].lag = 0;
  for (std::size_t i = 0; i < reached_.size(); ++i) {
    const auto& [task, input] = reached_[i];
    status_.tasks[task].lag += std::max<std::int64_t>(0, (*ends)[i].value - input.next.value);
  }
}

void Instance::Core::report_stall() {
  const std::optional<std::string> stall = stalled();
  if (stall_reported_.exchange(stall.has_value()) == stall.has_value()) return;
  if (stall) {
    shared_.tell("warn", "no progress", *stall);
  } else {
    shared_.tell("info", "progress again", topology_.service);
  }
}

void Instance::Core::update_status() {
  const MutexLock lock(status_mutex_);
  status_.records = shared_.records;
  status_.commits = commits_;
  status_.refused_commits = refused_commits_;
  status_.dead_letters = shared_.dead_lettered;
  status_.skipped = shared_.skipped;
  status_.failed_firings = shared_.failed_firings;
  status_.waiting_for_topics.clear();
  bool joined = true;
  for (const auto& member : members_) {
    joined &= member->joined() || !member->missing().empty();
    for (const std::string& topic : member->missing()) {
      auto& waiting = status_.waiting_for_topics;
      if (std::find(waiting.begin(), waiting.end(), topic) == waiting.end())
        waiting.push_back(topic);
    }
  }
  if (tasks_changed_) list_tasks(status_);
  tasks_changed_ = false;
  status_.ready = joined && polled_ns_ >= 0 && !ended_;
  ++status_version_;
  reached_.clear();
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    tasks_[i]->describe(status_.tasks[i]);
    status_.ready &= tasks_[i]->ready();
    if (!tasks_[i]->ready()) continue;
    for (const log::Interest& input : tasks_[i]->reached())
      reached_.emplace_back(i, input);
  }
  ready_.store(status_.ready, std::memory_order_release);
}

void Instance::Core::list_tasks(InstanceStatus& status) const {
  status.tasks.resize(tasks_.size());
  for (std::size_t i = 0; i < tasks_.size(); ++i)
    status.tasks[i].name = tasks_[i]->claim().unit();
}

}  // namespace millrace::stream
