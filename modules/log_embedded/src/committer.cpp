// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "committer.hpp"

#include <utility>

#include "checkpoint.hpp"
#include "frame_reader.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "tables.hpp"

namespace millrace::log::embedded {
namespace {

// Far below the limits of the fields of a frame and of a RecordBatch.
constexpr std::uint64_t max_commit_bytes = 200ULL << 20U;

}  // namespace

Status Committer::check(Transaction& transaction) {
  MILLRACE_TRY(check_size(transaction, log_.directory.options()));
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const TopicPartition partition = transaction.batch(i).partition;
    MILLRACE_ASSIGN(const CatalogTopic* topic, log_.topics.topic(partition.topic));
    MILLRACE_TRY(check_partition(topic->topic.spec, partition.partition));
    MILLRACE_TRY(
        check_may_write(topic->topic.spec, transaction.batch(i), log_.directory.options().service));
  }
  for (const Transaction::Position& position : transaction.positions()) {
    MILLRACE_ASSIGN(const CatalogTopic* topic, log_.topics.topic(position.partition.topic));
    MILLRACE_TRY(check_partition(topic->topic.spec, position.partition.partition));
    MILLRACE_TRY(log_.topics.check_group(position.group));
  }
  if (!transaction.sequence().producer.empty()) {
    MILLRACE_TRY(check_name(transaction.sequence().producer, "a producer"));
  }
  return {};
}

void Committer::encode(Transaction& transaction) {
  frame_.start(transaction.batch_count() + (transaction.positions().empty() ? 0 : 1) +
               (transaction.sequence().producer.empty() ? 0 : 1));
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    Transaction::Batch& batch = transaction.batch(i);
    frame_.add(batch.partition, batch.builder.finish(),
               static_cast<std::uint32_t>(batch.builder.count()));
  }
  const std::int64_t now_ms = log_.directory.clock().wall_ms();
  if (!transaction.positions().empty()) {
    records_.clear();
    for (const Transaction::Position& moved : transaction.positions()) {
      const std::string key = position_key(moved.group, moved.partition);
      const std::string value = integer_value(moved.next.value);
      records_.add({now_ms, key, value, {}});
    }
    frame_.add(internal_partition(positions_topic), records_.finish(),
               static_cast<std::uint32_t>(records_.count()));
  }
  if (!transaction.sequence().producer.empty()) {
    records_.clear();
    const std::string value = integer_value(transaction.sequence().number);
    records_.add({now_ms, transaction.sequence().producer, value, {}});
    frame_.add(internal_partition(producers_topic), records_.finish(), 1);
  }
  frame_.close();
  header_ = {};
  header_.append_time_ms = now_ms;
  if (!transaction.claims().empty()) {
    const ClaimEpoch& epoch = transaction.claims().front().epoch();
    header_.claim_incarnation = static_cast<std::uint32_t>(epoch.era);
    header_.claim_number = epoch.number;
  }
}

Result<Committed> Committer::repeat(std::uint64_t position) {
  MILLRACE_TRY(log_.segments.refresh());
  FrameReader reader(log_.journal, log_.directory.log_id());
  MILLRACE_ASSIGN(const FrameView frame, reader.table(position));
  const FrameHeader header = frame.header();
  Committed outcome;
  outcome.position = {header.incarnation, position + header.bytes};
  outcome.repeated = true;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = frame.entry(i);
    if (entry.topic >= internal_topics) {
      outcome.partitions.push_back(
          {{{entry.topic}, partition(entry.partition)}, offset(entry.base_offset)});
    }
  }
  return outcome;
}

/// The journal does not have the frame any more; the checkpoint that said so kept its outcome.
Result<Committed> Committer::repeat_removed(std::string_view producer, std::uint64_t position) {
  MILLRACE_FAULT_POINT("commit.removed_outcome");
  MILLRACE_ASSIGN(const auto checkpoint,
                  read_checkpoint(log_.directory.files(), log_.directory.path()));
  const Checkpoint::Producer* const found =
      checkpoint ? checkpoint->find_producer(producer, position) : nullptr;
  if (found == nullptr || found->outcome.incarnation == 0) {
    return fail(
        errc::corrupt,
        "{}{}: does not have the outcome of the commit at position {} that is repeated, which took "
        "place: the checkpoint that had it was damaged; continue with a new sequence",
        log_.directory.path(), names::checkpoint, position);
  }
  Committed outcome;
  outcome.position = {found->outcome.incarnation, found->outcome.end};
  outcome.repeated = true;
  for (const Checkpoint::Outcome::Partition& partition : found->outcome.partitions) {
    outcome.partitions.push_back({partition.id, offset(partition.offset)});
  }
  return outcome;
}

Status Committer::check_tables(const Locked& locked, const Transaction& transaction) const {
  const Control& control = log_.directory.control();
  const std::string& producer = transaction.sequence().producer;
  if (check_room(locked, control, transaction.positions().size(), producer.empty() ? 0 : 1)) {
    return {};
  }
  // Near the limit only keys that are not there yet count.
  std::size_t positions = 0;
  for (const Transaction::Position& moved : transaction.positions()) {
    positions += find_position(locked, control, moved.group, moved.partition) ? 0 : 1;
  }
  const bool new_producer = !producer.empty() && !find_producer(locked, control, producer);
  return check_room(locked, control, positions, new_producer ? 1 : 0);
}

Status Committer::check_claims(const Locked& locked, const Transaction& transaction) const {
  for (const Claim& claim : transaction.claims()) {
    if (!claim_holds(locked, log_.directory.control(), claim)) {
      return fail(fenced_error(claim));
    }
  }
  return {};
}

Result<Committed> Committer::commit(Transaction& transaction) {
  MILLRACE_TRY(log_.directory.check_open());
  MILLRACE_TRY(log_.directory.check_not_failed());
  const Transaction::Sequence& sequence = transaction.sequence();
  const bool sequenced = !sequence.producer.empty();
  std::optional<std::uint64_t> removed;
  if (const Status checked = check(transaction); !checked) {
    if (!sequenced || !checked.error().is(errc::topic_replaced)) {
      return fail(checked.error());
    }
    // It may repeat a commit from before the deletion.
    MILLRACE_ASSIGN(const auto first, find_repeated(sequence, removed));
    if (removed) {
      return repeat_removed(sequence.producer, *removed);
    }
    return first ? Result<Committed>(*first) : fail(checked.error());
  }
  const bool nothing = transaction.empty() && !sequenced;
  if (!nothing) {
    encode(transaction);
    if (frame_.bytes() > max_commit_bytes) {
      return fail(errc::too_large, "a commit of {} bytes is above the limit of {}", frame_.bytes(),
                  max_commit_bytes);
    }
  }
  log_.settler.slow_down();
  MILLRACE_TRY(log_.group_commit.sync_surplus());
  auto committed = append(transaction, removed);
  // Without the lock: it is a file that is read.
  return removed ? repeat_removed(sequence.producer, *removed) : std::move(committed);
}

Result<std::optional<Committed>> Committer::find_repeated(const Transaction::Sequence& sequence,
                                                          std::optional<std::uint64_t>& removed) {
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_.lock());
  return find_repeated(locked, sequence, removed);
}

/// The outcome of the commit that this sequence repeats; no value for a fresh one. `removed` is set
/// instead when its frame is not in the journal.
Result<std::optional<Committed>> Committer::find_repeated(const Locked& locked,
                                                          const Transaction::Sequence& sequence,
                                                          std::optional<std::uint64_t>& removed) {
  const auto last = find_producer(locked, log_.directory.control(), sequence.producer);
  if (!last) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(const SequenceOutcome outcome, check_sequence(sequence, last->sequence));
  if (outcome != SequenceOutcome::repeated) {
    return std::nullopt;
  }
  if (last->frame < log_.directory.control().begin.load(std::memory_order_acquire)) {
    removed = last->frame;
    return std::nullopt;
  }
  MILLRACE_ASSIGN(Committed first, repeat(last->frame));
  return first;
}

/// Under the writer lock. `removed` is set for a repeated commit whose frame is not in the journal.
Result<Committed> Committer::append(Transaction& transaction,
                                    std::optional<std::uint64_t>& removed) {
  const Transaction::Sequence& sequence = transaction.sequence();
  const bool sequenced = !sequence.producer.empty();
  const bool nothing = transaction.empty() && !sequenced;
  MILLRACE_ASSIGN(const WriterLock::Held locked, log_.lock());
  MILLRACE_FAULT_POINT("lock.held");
  if (sequenced) {
    MILLRACE_ASSIGN(auto first, find_repeated(locked, sequence, removed));
    if (first || removed) {
      return std::move(first).value_or(Committed{});
    }
  }
  MILLRACE_TRY(check_times(transaction, log_.directory.options(), header_.append_time_ms));
  MILLRACE_TRY(check_claims(locked, transaction));
  Committed committed;
  if (nothing) {
    committed.position = {log_.directory.control().incarnation,
                          log_.directory.control().committed.load(std::memory_order_relaxed)};
    return committed;
  }
  // Of those that it writes to, the publisher sees it.
  for (const Transaction::Position& moved : transaction.positions()) {
    MILLRACE_TRY(log_.topics.topic(moved.partition.topic));
  }
  MILLRACE_TRY(check_tables(locked, transaction));
  committed.partitions.reserve(transaction.batch_count());
  MILLRACE_ASSIGN(const std::uint64_t end,
                  log_.publisher.append(locked, frame_, header_, &transaction));
  committed.position = {log_.directory.control().incarnation, end};
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const FrameEntry& entry = frame_.entry(i);
    committed.partitions.push_back(
        {{{entry.topic}, partition(entry.partition)}, offset(entry.base_offset)});
  }
  return committed;
}

}  // namespace millrace::log::embedded
