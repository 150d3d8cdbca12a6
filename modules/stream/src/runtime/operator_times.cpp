// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/operator_times.hpp"

#include <algorithm>

namespace millrace::stream::runtime {

OperatorTime& OperatorTimes::add(std::string_view name) {
  auto entry = std::make_unique<Entry>();
  entry->name = name;
  if (const auto found = restored_.find(name); found != restored_.end()) {
    entry->now.set(found->second);
    restored_.erase(found);
  }
  entry->before_work_item_ms = entry->committed_ms = entry->now.ms();
  entries_.push_back(std::move(entry));
  return entries_.back()->now;
}

void OperatorTimes::savepoint() {
  for (const auto& entry : entries_)
    entry->before_work_item_ms = entry->now.ms();
}

void OperatorTimes::rollback() {
  for (const auto& entry : entries_)
    entry->now.set(entry->before_work_item_ms);
}

bool OperatorTimes::moved() const {
  return unsaved_ || std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
           return entry->now.ms() != entry->committed_ms;
         });
}

void OperatorTimes::keep() {
  unsaved_ = moved();
  for (const auto& entry : entries_)
    entry->committed_ms = entry->now.ms();
}

void OperatorTimes::commit() {
  keep();
  unsaved_ = false;
}

void OperatorTimes::rewind() {
  for (const auto& entry : entries_)
    entry->now.set(entry->committed_ms);
}

void OperatorTimes::save(TaskState& state) const {
  state.operator_times.insert(restored_.begin(), restored_.end());
  for (const auto& entry : entries_)
    state.operator_times.insert_or_assign(entry->name, entry->now.ms());
}

std::size_t OperatorTimes::encoded_bytes_max() const {
  std::size_t bytes = 0;
  for (const auto& entry : entries_)
    bytes += operator_time_bytes + entry->name.size();
  for (const auto& [name, time_ms] : restored_)
    bytes += operator_time_bytes + name.size();
  return bytes;
}

}  // namespace millrace::stream::runtime
