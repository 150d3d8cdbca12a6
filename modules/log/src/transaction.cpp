// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/transaction.hpp"

#include <algorithm>
#include <bit>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::log {

namespace {

// Up to so many batches a walk is faster than the hash table.
constexpr std::size_t walked_batches = 8;

std::size_t hash_of(TopicPartition partition) {
  const std::uint64_t both =
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(partition.topic.value)) << 32U) |
      static_cast<std::uint32_t>(partition.partition.value);
  return static_cast<std::size_t>((both * 0x9e3779b97f4a7c15U) >> 32U);
}

}  // namespace

void Transaction::append(TopicPartition partition, const Record& record) {
  // What is left after the largest deltas is never more than this above the real size.
  const std::size_t bound = record_bytes(record) + 20;
  largest_record_ = std::max(largest_record_, bound - 20);
  latest_ms_ = std::max(latest_ms_, record.timestamp_ms);
  Batch& batch = batch_of(partition);
  ++records_;
  if (bytes_ + bound > absolute_transaction_bytes) {
    bytes_ += bound;
    return;
  }
  const std::size_t old_bytes = batch.builder.bytes();
  batch.builder.add(record);
  bytes_ += batch.builder.bytes() - old_bytes;
}

Transaction::Batch& Transaction::batch_of(TopicPartition partition) {
  if (last_ < used_ && batches_[last_].partition == partition) [[likely]] {
    return batches_[last_];
  }
  if (used_ <= walked_batches) {
    for (std::size_t i = 0; i < used_; ++i) {
      if (batches_[i].partition == partition) {
        last_ = i;
        return batches_[i];
      }
    }
    return add_batch(partition);
  }
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = hash_of(partition) & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t i = index_[slot] - 1;
    if (batches_[i].partition == partition) {
      last_ = i;
      return batches_[i];
    }
  }
  return add_batch(partition);
}

Transaction::Batch& Transaction::add_batch(TopicPartition partition) {
  if (used_ == batches_.size()) {
    batches_.emplace_back();
  }
  last_ = used_++;
  batches_[last_].partition = partition;
  if (used_ > walked_batches) {
    if (used_ * 2 > index_.size() || used_ == walked_batches + 1) {
      index_.assign(std::max(std::bit_ceil(used_ * 4), index_.size()), 0);
      for (std::size_t i = 0; i < used_; ++i) {
        index_batch(i);
      }
    } else {
      index_batch(last_);
    }
  }
  return batches_[last_];
}

void Transaction::index_batch(std::size_t index) {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = hash_of(batches_[index].partition) & mask;
  while (index_[slot] != 0) {
    slot = (slot + 1) & mask;
  }
  index_[slot] = static_cast<std::uint32_t>(index + 1);
}

void Transaction::set_position(GroupId group, TopicPartition partition, Offset next) {
  for (Position& position : positions_) {
    if (position.group == group && position.partition == partition) {
      position.next = next;
      return;
    }
  }
  positions_.push_back({group, partition, next});
}

void Transaction::require(const Claim& claim) {
  if (std::find(claims_.begin(), claims_.end(), claim) == claims_.end()) {
    claims_.push_back(claim);
  }
}

void Transaction::set_sequence(std::string_view producer, std::int64_t number) {
  sequence_.producer = producer;
  sequence_.number = number;
}

void Transaction::clear() {
  for (std::size_t i = 0; i < used_; ++i) {
    batches_[i].builder.clear();
  }
  used_ = 0;
  last_ = 0;
  bytes_ = 0;
  records_ = 0;
  largest_record_ = 0;
  latest_ms_ = std::numeric_limits<std::int64_t>::min();
  positions_.clear();
  claims_.clear();
  sequence_.producer.clear();
  sequence_.number = -1;
}

}  // namespace millrace::log
