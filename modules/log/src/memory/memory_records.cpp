// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "memory/memory_state.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {

Result<Topic> MemoryState::create_topic(const TopicSpec& spec, std::string_view service) {
  const auto found = topic_ids.find(spec.name);
  const TopicSpec* existing =
      found == topic_ids.end() ? nullptr
                               : &topics[static_cast<std::size_t>(found->second.value)].topic.spec;
  MILLRACE_TRY(check_create_topic(spec, existing, service));
  if (existing != nullptr) {
    return Topic{found->second, *existing};
  }
  const TopicId id{{static_cast<std::int32_t>(topics.size())}};
  topics.push_back(
      {{id, spec}, std::vector<StoredPartition>(static_cast<std::size_t>(spec.partitions))});
  topic_ids.emplace(spec.name, id);
  return topics.back().topic;
}

Result<Topic> MemoryState::find_topic(std::string_view name) const {
  const auto found = topic_ids.find(name);
  if (found == topic_ids.end()) {
    return fail(unknown_topic_error(name));
  }
  return topics[static_cast<std::size_t>(found->second.value)].topic;
}

Status MemoryState::check_place(TopicPartition place) const {
  if (place.topic.value < 0 || static_cast<std::size_t>(place.topic.value) >= topics.size()) {
    return fail(unknown_topic_error(place.topic));
  }
  return check_partition(topics[static_cast<std::size_t>(place.topic.value)].topic.spec,
                         place.partition);
}

MemoryState::StoredPartition& MemoryState::at(TopicPartition place) {
  return topics[static_cast<std::size_t>(place.topic.value)]
      .partitions[static_cast<std::size_t>(place.partition.value)];
}

Result<Committed> MemoryState::commit(Transaction& transaction, const MemoryHandle& handle) {
  if (failures_left > 0) {
    --failures_left;
    return fail(failure, "a test asked for this failure; nothing was written");
  }
  const Transaction::Sequence& sequence = transaction.sequence();
  const bool sequenced = !sequence.producer.empty();
  if (sequenced) {
    ProducerState& producer = producers[sequence.producer];
    MILLRACE_ASSIGN(const SequenceOutcome outcome, check_sequence(sequence, producer.last));
    if (outcome == SequenceOutcome::repeated) {
      Committed first = producer.outcome;
      first.repeated = true;
      return first;
    }
  }
  MILLRACE_TRY(check_commit(transaction, handle));
  Committed outcome = write(transaction);
  if (sequenced) {
    producers[sequence.producer] = {sequence.number, outcome};
  }
  return outcome;
}

Status MemoryState::check_commit(Transaction& transaction, const MemoryHandle& handle) const {
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const TopicPartition place = transaction.batch(i).place;
    MILLRACE_TRY(check_place(place));
    MILLRACE_TRY(check_may_write(topics[static_cast<std::size_t>(place.topic.value)].topic.spec,
                                 handle.options.service));
  }
  for (const Transaction::Position& position : transaction.positions()) {
    MILLRACE_TRY(check_group(position.group));
    MILLRACE_TRY(check_place(position.place));
  }
  for (const Claim& claim : transaction.claims()) {
    if (!is_current(claim)) {
      return fail(fenced_error(claim));
    }
  }
  return {};
}

Committed MemoryState::write(Transaction& transaction) {
  if (!transaction.empty()) {
    ++committed.position;
  }
  Committed outcome{committed, {}, false};
  outcome.places.reserve(transaction.batch_count());
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    Transaction::Batch& batch = transaction.batch(i);
    StoredPartition& stored = at(batch.place);
    std::string bytes(batch.builder.finish());
    set_base_offset(bytes.data(), stored.end);
    const Offset first = stored.end;
    stored.end = offset(first.value + batch.builder.count());
    stored.batches.push_back({first, offset(stored.end.value - 1), committed, std::move(bytes)});
    outcome.places.push_back({batch.place, first});
  }
  for (const Transaction::Position& position : transaction.positions()) {
    at(position.group).positions[position.place] = position.next;
  }
  if (!manual_durability) {
    durable = committed;
  }
  changed.notify_all();
  return outcome;
}

Status MemoryState::collect(TopicPartition place, Offset from, std::size_t max_bytes,
                            FetchBuffer& buffer) {
  MILLRACE_TRY(check_place(place));
  const StoredPartition& stored = at(place);
  const Offset start = offset(0);
  if (from < start || from > stored.end) {
    const std::string& name = topics[static_cast<std::size_t>(place.topic.value)].topic.spec.name;
    return fail(out_of_range_error(name, place.partition, from, start, stored.end));
  }
  buffer.next = from;
  buffer.end = stored.end;
  auto batch =
      std::partition_point(stored.batches.begin(), stored.batches.end(),
                           [&](const StoredBatch& candidate) { return candidate.last < from; });
  for (; batch != stored.batches.end(); ++batch) {
    if (!buffer.batches.empty() && buffer.bytes.size() + batch->bytes.size() > max_bytes) {
      break;
    }
    buffer.bytes.append(batch->bytes);
    // Until the batch is decoded `count` is its size in bytes.
    buffer.batches.push_back({batch->position, 0, batch->bytes.size()});
    buffer.next = batch->last.next();
  }
  return {};
}

bool MemoryState::has_news(std::span<const Interest> interests) {
  return std::any_of(interests.begin(), interests.end(), [&](const Interest& interest) {
    return check_place(interest.place) && at(interest.place).end > interest.next;
  });
}

}  // namespace millrace::log
