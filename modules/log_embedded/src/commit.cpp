// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "commit.hpp"

#include <algorithm>

#include "core.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// The index keeps lengths in 24 bits of 16 bytes.
constexpr std::uint64_t max_commit_bytes = 200ULL << 20U;

}  // namespace

std::uint64_t segment_room(const EmbeddedOptions& options, std::uint64_t frame_bytes) {
  return std::max({options.segment_bytes, frame_bytes, std::uint64_t{4096}});
}

Status Core::make_room(const Locked& locked, std::uint64_t bytes) {
  const std::uint64_t position = control->committed.load(std::memory_order_relaxed);
  if (position + bytes <= control->segment_end) {
    return {};
  }
  if (position + bytes > IndexEntry::position_mask) {
    return fail(errc::limit,
                "the journal is full (" + std::to_string(IndexEntry::position_mask) + " bytes)");
  }
  MILLRACE_TRY(check_in_place());
  auto room = journal.make_segment(locked, position, bytes, segment_room(embedded, bytes), [this] {
    control->progress.fetch_add(1, std::memory_order_relaxed);
  });
  if (!room) {
    if (journal.sync_failed()) {
      mark_failed("a sync failed: " + room.error().message());
    }
    return fail(log_error(std::move(room).error()));
  }
  MILLRACE_FAULT_POINT("segment.made");
  use_segment(locked, position, position + *room);
  return {};
}

void Core::use_segment(const Locked&, std::uint64_t start, std::uint64_t end) {
  control->progress.fetch_add(1, std::memory_order_relaxed);
  std::atomic_ref(control->segment_start).store(start, std::memory_order_release);
  MILLRACE_FAULT_POINT("segment.inside_use");
  std::atomic_ref(control->segment_end).store(end, std::memory_order_release);
  control->segments_version.fetch_add(1, std::memory_order_release);
}

Status Core::write_frame(const Locked& locked, std::uint64_t position, FrameBuilder& frame) {
#ifdef MILLRACE_FAULT_POINTS
  const std::size_t half = frame.view().size() / 2;
  MILLRACE_TRY(journal.write(locked, position, frame.view().substr(0, half)));
  MILLRACE_FAULT_POINT("commit.inside_frame");
  return journal.write(locked, position + half, frame.view().substr(half));
#else
  return journal.write(locked, position, frame.view());
#endif
}

Result<std::uint64_t> Core::append_frame(const Locked& locked, FrameBuilder& frame,
                                         FrameHeader header, const Transaction* transaction) {
  MILLRACE_TRY(make_room(locked, frame.bytes()));
  MILLRACE_TRY(refresh_segments());
  if (auto reserved = reserve_index(locked, frame); !reserved) {
    return fail(log_error(std::move(reserved).error()));
  }
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    FrameEntry& entry = frame.entry(i);
    MILLRACE_ASSIGN(const PartitionRow* row, row_of({{entry.topic}, partition(entry.partition)}));
    entry.base_offset = row->next_offset;
  }
  const std::uint64_t position = control->committed.load(std::memory_order_relaxed);
  header.position = position;
  header.durable = control->durable.load(std::memory_order_relaxed);
  header.log_id = log_id;
  header.incarnation = control->incarnation;
  header.member = static_cast<std::uint32_t>(slot);
  header.previous = tail(locked).checksum;
  frame.seal(header);
  check_before_commit(locked, frame, position);
  MILLRACE_FAULT_POINT("commit.before_frame");
  if (auto written = write_frame(locked, position, frame); !written) {
    // Nothing of it may look like a frame later; when not even that can be written, nobody may
    // append behind it.
    if (auto wiped = journal.write(locked, position, std::string(frame_header_bytes, '\0'));
        !wiped) {
      mark_failed("a write failed and could not be taken back: " + wiped.error().message());
    }
    return fail(log_error(std::move(written).error()));
  }
  control->progress.fetch_add(1, std::memory_order_relaxed);
  MILLRACE_FAULT_POINT("commit.after_frame");
  if (auto published = publish_frame(locked, frame, position, transaction); !published) {
    mark_failed("a frame that was written cannot be published: " + published.error().message());
    return fail(errc::outcome_unknown, published.error().message());
  }
  advance(locked, position + frame.bytes(), frame.checksum());
  MILLRACE_FAULT_POINT("commit.after_publish");
  MILLRACE_FAULT_POINT("commit.before_wake");
  wake_readers(locked, frame);
  MILLRACE_FAULT_POINT("commit.after_wake");
  return position + frame.bytes();
}

Status Core::publish_frame(const Locked& locked, FrameBuilder& frame, std::uint64_t position,
                           const Transaction* transaction) {
  if (transaction != nullptr) {
    for (const Transaction::Position& moved : transaction->positions()) {
      set_position(locked, *control, moved.group, moved.place, moved.next.value);
    }
    if (!transaction->sequence().producer.empty()) {
      set_producer(locked, *control, transaction->sequence().producer,
                   {transaction->sequence().number, position});
    }
  } else {
    MILLRACE_TRY(apply_internal(locked, frame.view()));
  }
  return apply_entries(locked, FrameView(frame.view()), position);
}

Status Core::append_catalog(const Locked& locked, std::string_view record) {
  const std::int64_t now_ms = environment.clock.wall_ms();
  RecordBatchBuilder batch;
  batch.add({now_ms, std::nullopt, record, {}});
  FrameBuilder frame;
  frame.start(1);
  frame.add(internal_place(catalog_topic), batch.finish(), 1);
  frame.close();
  FrameHeader header;
  header.append_time_ms = now_ms;
  MILLRACE_TRY(append_frame(locked, frame, header, nullptr));
  return {};
}

Status Committer::check(Transaction& transaction) {
  MILLRACE_TRY(check_size(transaction, core_.options));
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const TopicPartition place = transaction.batch(i).place;
    MILLRACE_ASSIGN(const CatalogTopic* topic, core_.topic_of(place.topic));
    MILLRACE_TRY(check_partition(topic->topic.spec, place.partition));
    MILLRACE_TRY(check_may_write(topic->topic.spec, core_.options.service));
  }
  for (const Transaction::Position& position : transaction.positions()) {
    MILLRACE_ASSIGN(const CatalogTopic* topic, core_.topic_of(position.place.topic));
    MILLRACE_TRY(check_partition(topic->topic.spec, position.place.partition));
    MILLRACE_TRY(check_group(core_, position.group));
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
    frame_.add(batch.place, batch.builder.finish(),
               static_cast<std::uint32_t>(batch.builder.count()));
  }
  const std::int64_t now_ms = core_.environment.clock.wall_ms();
  if (!transaction.positions().empty()) {
    records_.clear();
    for (const Transaction::Position& moved : transaction.positions()) {
      const std::string key = position_key(moved.group, moved.place);
      const std::string value = integer_value(moved.next.value);
      records_.add({now_ms, key, value, {}});
    }
    frame_.add(internal_place(positions_topic), records_.finish(),
               static_cast<std::uint32_t>(records_.count()));
  }
  if (!transaction.sequence().producer.empty()) {
    records_.clear();
    const std::string value = integer_value(transaction.sequence().number);
    records_.add({now_ms, transaction.sequence().producer, value, {}});
    frame_.add(internal_place(producers_topic), records_.finish(), 1);
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
  MILLRACE_TRY(core_.refresh_segments());
  FrameHeader header;
  MILLRACE_ASSIGN(const std::size_t got,
                  core_.journal.read(position, reinterpret_cast<char*>(&header), sizeof header));
  if (got != sizeof header || frame_header_fault(header, core_.log_id, position) != nullptr) {
    return fail(errc::corrupt, core_.journal.path_of(position) +
                                   ": the frame of a repeated commit at position " +
                                   std::to_string(position) + " cannot be read");
  }
  std::string table(table_bytes(header), '\0');
  MILLRACE_TRY(core_.journal.read(position, table.data(), table.size()));
  Committed outcome;
  outcome.position = {header.incarnation, position + header.bytes};
  outcome.repeated = true;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = FrameView(table).entry(i);
    if (entry.topic >= internal_topics) {
      outcome.places.push_back(
          {{{entry.topic}, partition(entry.partition)}, offset(entry.base_offset)});
    }
  }
  return outcome;
}

Status Committer::check_tables(const Locked& locked, const Transaction& transaction) const {
  const Control& control = *core_.control;
  const std::string& producer = transaction.sequence().producer;
  if (check_room(locked, control, transaction.positions().size(), producer.empty() ? 0 : 1)) {
    return {};
  }
  // Near the limit only keys that are not there yet count.
  std::size_t positions = 0;
  for (const Transaction::Position& moved : transaction.positions()) {
    positions += find_position(locked, control, moved.group, moved.place) ? 0 : 1;
  }
  const bool new_producer = !producer.empty() && !find_producer(locked, control, producer);
  return check_room(locked, control, positions, new_producer ? 1 : 0);
}

Status Committer::check_claims(const Locked& locked, const Transaction& transaction) const {
  for (const Claim& claim : transaction.claims()) {
    if (!claim_holds(locked, *core_.control, claim)) {
      return fail(fenced_error(claim));
    }
  }
  return {};
}

Result<Committed> Committer::commit(Transaction& transaction) {
  MILLRACE_TRY(core_.check_open());
  MILLRACE_TRY(core_.check_not_failed());
  MILLRACE_TRY(check(transaction));
  const Transaction::Sequence& sequence = transaction.sequence();
  const bool sequenced = !sequence.producer.empty();
  const bool nothing = transaction.empty() && !sequenced;
  if (!nothing) {
    encode(transaction);
    if (frame_.bytes() > max_commit_bytes) {
      return fail(errc::too_large, "a commit of " + std::to_string(frame_.bytes()) +
                                       " bytes is above the limit of " +
                                       std::to_string(max_commit_bytes));
    }
  }
  MILLRACE_ASSIGN(const WriterLock::Held locked, core_.lock());
  MILLRACE_FAULT_POINT("lock.held");
  if (sequenced) {
    if (const auto last = find_producer(locked, *core_.control, sequence.producer)) {
      MILLRACE_ASSIGN(const SequenceOutcome outcome, check_sequence(sequence, last->sequence));
      if (outcome == SequenceOutcome::repeated) {
        return repeat(last->frame);
      }
    }
  }
  MILLRACE_TRY(check_claims(locked, transaction));
  Committed committed;
  if (nothing) {
    committed.position = {core_.control->incarnation,
                          core_.control->committed.load(std::memory_order_relaxed)};
    return committed;
  }
  MILLRACE_TRY(check_tables(locked, transaction));
  committed.places.reserve(transaction.batch_count());
  MILLRACE_ASSIGN(const std::uint64_t end,
                  core_.append_frame(locked, frame_, header_, &transaction));
  committed.position = {core_.control->incarnation, end};
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    const FrameEntry& entry = frame_.entry(i);
    committed.places.push_back(
        {{{entry.topic}, partition(entry.partition)}, offset(entry.base_offset)});
  }
  return committed;
}

}  // namespace millrace::log::embedded
