// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "broken_log.hpp"

namespace millrace::testkit {

void Breakage::committed(const log::Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  for (const log::Transaction::Position& position : transaction.positions()) {
    const std::pair key(position.group, position.partition);
    const auto last = last_.find(key);
    before_[key] = last == last_.end() ? std::nullopt : std::optional(last->second);
    last_.insert_or_assign(key, position.next);
  }
}

std::optional<log::Offset> Breakage::shown(log::GroupId group, log::TopicPartition partition,
                                           std::optional<log::Offset> position) {
  if (broken_ != Broken::late_positions) return position;
  const std::lock_guard lock(mutex_);
  const auto before = before_.find({group, partition});
  return before == before_.end() ? position : before->second;
}

bool Breakage::strikes() {
  constexpr int every = 7;
  if (broken_ != Broken::commits_twice && broken_ != Broken::drops_records) return false;
  const std::lock_guard lock(mutex_);
  return ++commits_ % every == 0;
}

Result<log::Committed> BrokenLog::commit(log::Transaction& transaction) {
  const bool struck = transaction.batch_count() > 0 && breakage_->strikes();
  if (struck && breakage_->broken() == Broken::drops_records) return commit_positions(transaction);
  Result<log::Committed> committed = inner_->commit(transaction);
  if (!committed) return committed;
  breakage_->committed(transaction);
  return struck ? inner_->commit(transaction) : std::move(committed);
}

// Says that the records are where they would have been.
Result<log::Committed> BrokenLog::commit_positions(log::Transaction& transaction) {
  log::Transaction positions;
  for (const log::Transaction::Position& position : transaction.positions())
    positions.set_position(position.group, position.partition, position.next);
  for (const log::Claim& claim : transaction.claims())
    positions.require(claim);
  MILLRACE_ASSIGN(log::Committed committed, inner_->commit(positions));
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const log::TopicPartition partition = transaction.batch(i).partition;
    MILLRACE_ASSIGN(const log::Offset end, inner_->end_offset(partition));
    committed.partitions.push_back({partition, end});
  }
  return committed;
}

Status BrokenLog::fetch(log::TopicPartition partition, log::Offset from, std::size_t max_bytes,
                        log::FetchBuffer& buffer) {
  MILLRACE_TRY(inner_->fetch(partition, from, max_bytes, buffer));
  constexpr log::Offset last = log::offset(5);
  if (breakage_->broken() != Broken::shows_no_more || from <= last) return {};
  const auto input = inner_->find_topic("plays");
  if (!input || input->id != partition.topic) return {};
  buffer.records.clear();
  buffer.batches.clear();
  buffer.next = buffer.end = from;
  return {};
}

Result<std::optional<log::Offset>> BrokenLog::position(log::GroupId group,
                                                       log::TopicPartition partition) {
  MILLRACE_ASSIGN(const auto position, inner_->position(group, partition));
  return breakage_->shown(group, partition, position);
}

Result<std::vector<std::optional<log::Offset>>> BrokenLog::positions(
    log::GroupId group, std::span<const log::TopicPartition> partitions) {
  MILLRACE_ASSIGN(auto positions, inner_->positions(group, partitions));
  for (std::size_t i = 0; i < partitions.size(); ++i)
    positions[i] = breakage_->shown(group, partitions[i], positions[i]);
  return positions;
}

}  // namespace millrace::testkit
