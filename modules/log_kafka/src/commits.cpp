// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "commits.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

/// librdkafka tells of the first record only.
Offset end_of(const OutgoingBatch& batch) {
  return std::max(batch.end, offset(batch.first.value + batch.count));
}

}  // namespace

Result<Committed> Commits::commit(Transaction& transaction) {
  MILLRACE_ASSIGN(Outgoing out, prepare(transaction));
  auto committed = send(out, transaction);
  if (committed || !committed.error().is(errc::unknown_topic)) return committed;
  // Of the topics, one was deleted, or a broker does not know it just now.
  return fail(topics_.explain(out.partitions, committed.error()));
}

Result<Commits::Outgoing> Commits::prepare(Transaction& transaction) {
  MILLRACE_TRY(check_size(transaction, options_));
  const bool may_repeat = !transaction.sequence().producer.empty();
  Outgoing out;
  out.batches.resize(transaction.batch_count());
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    Transaction::Batch& batch = transaction.batch(i);
    out.partitions.push_back(batch.partition);
    auto at = topics_.partition_in_kafka(batch.partition);
    // Deleted since the first commit, if this is a repeat.
    if (!at && may_repeat && at.error().is(errc::topic_replaced)) {
      out.are_state.push_back(false);
      out.refused = at.error();
      continue;
    }
    if (!at) return fail(at.error());
    out.batches[i].at = *std::move(at);
    MILLRACE_ASSIGN(const TopicSpec spec, topics_.spec_of(batch.partition));
    MILLRACE_TRY(check_may_write(spec, batch, options_.service));
    out.batches[i].encoded = batch.builder.finish();
    out.batches[i].count = batch.builder.count();
    // The next owner of a task restores it from changelogs, up to their ends.
    out.are_state.push_back(is_state(spec));
  }
  for (const Transaction::Position& position : transaction.positions()) {
    auto found_partition = topics_.partition_in_kafka(position.partition);
    if (!found_partition && may_repeat && found_partition.error().is(errc::topic_replaced)) {
      out.refused = found_partition.error();
      continue;
    }
    if (!found_partition) return fail(found_partition.error());
    KafkaPartition partition = *std::move(found_partition);
    MILLRACE_ASSIGN(std::string group, groups_.name_in_kafka(position.group));
    auto found = std::find_if(out.positions.begin(), out.positions.end(),
                              [&](const OutgoingPositions& one) { return one.group == group; });
    if (found == out.positions.end())
      found = out.positions.insert(found, OutgoingPositions{std::move(group), {}});
    found->partitions.emplace_back(std::move(partition), position.next);
  }
  return out;
}

Result<Committed> Commits::send(Outgoing& out, const Transaction& transaction) {
  const bool empty = !out.refused && out.batches.empty() && out.positions.empty();
  if (!transaction.sequence().producer.empty() && !empty) return commit_sequence(out, transaction);
  MILLRACE_TRY(check_times(transaction, options_, config_.clock().wall_ms()));
  if (!transaction.claims().empty()) {
    const auto write = [&](Producer& producer) -> Status {
      if (empty) return {};
      MILLRACE_TRY(commit_all(producer, out));
      note_unseen(out);
      return {};
    };
    MILLRACE_TRY(identity_.commit(transaction.claims(), write));
    return answer(out);
  }
  if (out.batches.size() == 1 && out.batches[0].count == 1 && out.positions.empty()) {
    MILLRACE_TRY(commit_single(out));
  } else if (!empty) {
    MILLRACE_TRY(commit_free(out));
  }
  note_unseen(out);
  return answer(out);
}

void Commits::note_unseen(const Outgoing& out) {
  for (std::size_t i = 0; i < out.batches.size(); ++i)
    visibility_.add(out.batches[i].at, end_of(out.batches[i]), out.are_state[i]);
}

Committed Commits::answer(const Outgoing& out) {
  Committed committed;
  for (std::size_t i = 0; i < out.batches.size(); ++i)
    committed.partitions.push_back({out.partitions[i], out.batches[i].first});
  return committed;
}

Status Commits::check_topics(Producer& producer, const Outgoing& out) {
  if (!producer.used_names()) return {};
  std::vector<KafkaPartition> written;
  for (const OutgoingBatch& batch : out.batches)
    written.push_back(batch.at);
  Status same = ids_.confirm_at_leaders(written);
  if (same) return same;
  return producer.give_up(
      Error(errc::unavailable, "nothing was written: " + same.error().message()));
}

Status Commits::commit_all(Producer& producer, Outgoing& out) {
  MILLRACE_TRY(producer.begin(out.positions));
  for (OutgoingBatch& batch : out.batches)
    MILLRACE_TRY(producer.add(batch));
  // Before the end is asked for: what fails until then was surely not committed.
  MILLRACE_TRY(producer.settle());
  MILLRACE_TRY(check_topics(producer, out));
  return producer.end();
}

// The client writes by name and has no transaction, so the look comes before: a topic that is
// created again in the milliseconds after it may get the record.
Status Commits::commit_single(Outgoing& out) {
  if (!out.batches[0].at.id.is_none()) {
    const Status same = ids_.confirm_at_leaders({out.batches[0].at});
    if (!same) return fail(errc::unavailable, "nothing was written: " + same.error().message());
  }
  const MutexLock lock(single_mutex_);
  if (single_ == nullptr || !single_->usable()) {
    MILLRACE_ASSIGN(single_, ClientProducer::open(config_, options_));
  }
  OutgoingBatch& batch = out.batches[0];
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(batch.encoded, records));
  MILLRACE_ASSIGN(batch.first, single_->append(batch.at, records[0]));
  return {};
}

// No claim: nobody can take the transactional id from us, and nobody needs to.
Status Commits::commit_free(Outgoing& out) {
  const MutexLock lock(free_mutex_);
  const auto open = [this] {
    return Producer::open_transactional(config_, config_.in_kafka("millrace." + unique_ + ".free"));
  };
  // The old id, so that what is open under it is ended first.
  if (free_ == nullptr) {
    MILLRACE_ASSIGN(free_, open());
  }
  Status status = commit_all(*free_, out);
  if (!free_->usable()) {
    // Readers wait for the end of what may still be open.
    free_.reset();
    if (auto again = open()) free_ = *std::move(again);
  }
  // Fenced is who owns something; here the producer failed before the commit was asked for.
  if (!status && status.error().is(errc::fenced))
    return fail(errc::unavailable, "nothing was written: " + status.error().message());
  return status;
}

Result<Committed> Commits::commit_sequence(Outgoing& out, const Transaction& transaction) {
  const Transaction::Sequence& sequence = transaction.sequence();
  MILLRACE_TRY(check_name(sequence.producer, "a producer"));
  MILLRACE_TRY(sequences_.open());
  const MutexLock lock(sequenced_mutex_);
  std::optional<Sequences::Last> repeat;
  const auto write = [&](Producer& producer) MILLRACE_REQUIRES(sequenced_mutex_) -> Status {
    MILLRACE_TRY(see_earlier_sequences(producer, transaction));
    MILLRACE_ASSIGN(Sequences::Last last, sequences_.last(sequence.producer));
    MILLRACE_ASSIGN(const SequenceOutcome outcome, check_sequence(sequence, last.number));
    if (outcome == SequenceOutcome::repeated) {
      repeat = std::move(last);
      return {};
    }
    if (out.refused) return fail(*out.refused);
    MILLRACE_TRY(check_times(transaction, options_, config_.clock().wall_ms()));
    MILLRACE_TRY(producer.begin(out.positions));
    for (OutgoingBatch& batch : out.batches)
      MILLRACE_TRY(producer.add(batch));
    MILLRACE_TRY(producer.settle());
    MILLRACE_TRY(check_topics(producer, out));
    Sequences::Last now{sequence.number, {}};
    for (const OutgoingBatch& batch : out.batches)
      now.partitions.emplace_back(batch.at, batch.first);
    const std::string bytes = Sequences::encode(now);
    RecordBatchBuilder builder;
    builder.add({config_.clock().wall_ms(), sequence.producer, bytes, {}});
    OutgoingBatch note{sequences_.partition(), builder.finish(), builder.count()};
    MILLRACE_TRY(producer.add(note));
    MILLRACE_TRY(producer.end());
    // Until its transaction marker is there, this handle knows it by itself and a successor waits
    // for it.
    sequences_.remember(sequence.producer, std::move(now));
    note_unseen(out);
    if (!transaction.claims().empty()) visibility_.add(note.at, end_of(note), true);
    return {};
  };
  if (!transaction.claims().empty()) {
    MILLRACE_TRY(identity_.commit(transaction.claims(), write));
  } else {
    std::unique_ptr<Producer>& producer = sequenced_[sequence.producer];
    const auto open = [&]() MILLRACE_REQUIRES(sequenced_mutex_) {
      producer.reset();
      seen_under_.erase(sequence.producer);
      return Producer::open_transactional(
          config_, config_.in_kafka("millrace.sequence." + sequence.producer));
    };
    Status status;
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (producer == nullptr || !producer->usable()) {
        MILLRACE_ASSIGN(producer, open());
      }
      status = write(*producer);
      // Another handle wrote under this name since: take it back and see what they did.
      if (status || !status.error().is(errc::fenced)) break;
    }
    // Two handles that both write under one name fence each other at every commit.
    if (!status && status.error().is(errc::fenced))
      return fail(errc::unavailable, "nothing was written: " + status.error().message());
    if (!producer->usable()) {
      // Readers wait for the end of what may still be open.
      if (auto again = open()) producer = *std::move(again);
    }
    MILLRACE_TRY(status);
  }
  if (repeat) return repeated(*repeat, out);
  return answer(out);
}

// Who had the name before may have committed behind an older open transaction of another producer,
// where nobody can read it yet, and the repeat would be written twice. A record of our own shows
// when everything before it can be read. Nobody else has the name until the claims or the producer
// change. Readers pass over a record without a value.
Status Commits::see_earlier_sequences(Producer& producer, const Transaction& transaction) {
  const std::string& name = transaction.sequence().producer;
  const auto seen = seen_under_.find(name);
  if (seen != seen_under_.end() && seen->second == transaction.claims()) return {};
  RecordBatchBuilder builder;
  builder.add({config_.clock().wall_ms(), "", std::nullopt, {}});
  OutgoingBatch probe{sequences_.partition(), builder.finish(), builder.count()};
  MILLRACE_TRY(producer.commit({&probe, 1}, {}));
  const auto visible =
      visibility_.wait_until_visible({probe.at}, {end_of(probe)}, config_.timeout_ms() * ms);
  if (visible != Visibility::Seen::all) {
    return fail(errc::unavailable, "nothing was written: whether producer '" + name +
                                       "' wrote this sequence before cannot be read while an older "
                                       "transaction of another client is open in topic " +
                                       probe.at.topic + "; try again");
  }
  seen_under_[name] = transaction.claims();
  return {};
}

// Topics that were deleted since are those of the repeat.
Result<Committed> Commits::repeated(const Sequences::Last& last, const Outgoing& out) {
  Committed committed;
  committed.repeated = true;
  for (std::size_t i = 0; i < last.partitions.size(); ++i) {
    const auto& [at, first] = last.partitions[i];
    if (out.refused && last.partitions.size() == out.partitions.size()) {
      committed.partitions.push_back({out.partitions[i], first});
      continue;
    }
    MILLRACE_ASSIGN(const Topic topic,
                    topics_.find(std::string_view(at.topic).substr(config_.url().prefix.size())));
    committed.partitions.push_back({{topic.id, partition(at.partition)}, first});
  }
  return committed;
}

}  // namespace millrace::log::kafka
