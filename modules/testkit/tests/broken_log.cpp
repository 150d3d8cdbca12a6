// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "broken_log.hpp"

namespace millrace::testkit {

void Breakage::committed(const log::Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  for (const log::Transaction::Position& position : transaction.positions()) {
    const std::pair key(position.group, position.place);
    const auto last = last_.find(key);
    before_[key] = last == last_.end() ? std::nullopt : std::optional(last->second);
    last_.insert_or_assign(key, position.next);
  }
}

std::optional<log::Offset> Breakage::shown(log::GroupId group, log::TopicPartition place,
                                           std::optional<log::Offset> position) {
  if (broken_ != Broken::late_positions) return position;
  const std::lock_guard lock(mutex_);
  const auto before = before_.find({group, place});
  return before == before_.end() ? position : before->second;
}

bool Breakage::repeats() {
  constexpr int every = 7;
  if (broken_ != Broken::commits_twice) return false;
  const std::lock_guard lock(mutex_);
  return ++commits_ % every == 0;
}

Result<log::Committed> BrokenLog::commit(log::Transaction& transaction) {
  const bool twice = transaction.batch_count() > 0 && breakage_->repeats();
  Result<log::Committed> committed = inner_->commit(transaction);
  if (!committed) return committed;
  breakage_->committed(transaction);
  return twice ? inner_->commit(transaction) : std::move(committed);
}

Result<std::optional<log::Offset>> BrokenLog::position(log::GroupId group,
                                                       log::TopicPartition place) {
  MILLRACE_ASSIGN(const auto position, inner_->position(group, place));
  return breakage_->shown(group, place, position);
}

Result<std::vector<std::optional<log::Offset>>> BrokenLog::positions(
    log::GroupId group, std::span<const log::TopicPartition> places) {
  MILLRACE_ASSIGN(auto positions, inner_->positions(group, places));
  for (std::size_t i = 0; i < places.size(); ++i)
    positions[i] = breakage_->shown(group, places[i], positions[i]);
  return positions;
}

}  // namespace millrace::testkit
