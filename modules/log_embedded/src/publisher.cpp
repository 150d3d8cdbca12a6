// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "publisher.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/assert.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "tables.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::size_t write_bytes = 256U << 10U;

TopicPartition partition_of(const FrameEntry& entry) {
  return {{{entry.topic}}, partition(entry.partition)};
}

std::int64_t latest_ms(const FrameView& frame, const FrameEntry& entry) {
  return load_big<std::int64_t>(frame.batch(entry).data() + batch_layout::max_timestamp);
}

}  // namespace

Result<std::uint64_t> Publisher::append(const Locked& locked, FrameBuilder& frame,
                                        FrameHeader header, const Transaction* transaction) {
  Control& control = directory_.control();
  MILLRACE_TRY(segments_.make_room(locked, frame.bytes()));
  MILLRACE_TRY(segments_.refresh());
  if (auto found = find_targets(locked, frame); !found) {
    // The index is mapped by path, so this may be how a member learns that its log is gone.
    MILLRACE_TRY(directory_.check_in_place());
    return fail(log_error(std::move(found).error()));
  }
  const std::uint64_t position = control.committed.load(std::memory_order_relaxed);
  MILLRACE_TRY(segments_.check_room(locked, position, frame.bytes()));
  frame.seal(complete(locked, header));
  check_before_commit(locked, frame, position);
  MILLRACE_FAULT_POINT("commit.before_frame");
  if (auto written = write(locked, position, frame); !written) {
    // It must not look like a frame later. A full disk may refuse this write, too; then what is
    // there counts: what is not whole is no frame, and the next one overwrites it.
    if (auto wiped = wipe(locked, position); !wiped && may_be_whole(locked)) {
      directory_.mark_failed("a write failed and could not be taken back: " +
                             wiped.error().message());
    }
    return fail(log_error(std::move(written).error()));
  }
  MILLRACE_FAULT_POINT("commit.after_frame");
  if (auto published = publish(locked, frame, position, transaction); !published) {
    directory_.mark_failed("a frame that was written cannot be published: " +
                           published.error().message());
    return fail(errc::outcome_unknown, published.error().message());
  }
  advance(locked, position + frame.bytes(), frame.checksum());
  MILLRACE_FAULT_POINT("commit.after_publish");
  MILLRACE_FAULT_POINT("commit.before_wake");
  wake_readers(locked, frame);
  MILLRACE_FAULT_POINT("commit.after_wake");
  return position + frame.bytes();
}

Status Publisher::append_catalog(const Locked& locked, std::span<const std::string> records) {
  const std::int64_t now_ms = directory_.clock().wall_ms();
  FrameHeader header;
  header.append_time_ms = now_ms;
  RecordBatchBuilder batch;
  for (const std::string& record : records) {
    batch.add({now_ms, std::nullopt, record, {}});
    if (Catalog::is_settings(record)) {
      header.version = std::max(header.version, frame_version_settings);
    }
    if (Catalog::is_deletion(record)) {
      header.version = std::max(header.version, frame_version_deletion);
    }
    if (Catalog::is_addition(record)) {
      header.version = std::max(header.version, frame_version);
    }
  }
  FrameBuilder frame;
  frame.start(1);
  frame.add(internal_partition(catalog_topic), batch.finish(),
            static_cast<std::uint32_t>(records.size()));
  frame.close();
  MILLRACE_TRY(append(locked, frame, header, nullptr));
  return {};
}

/// Finds the rows of all entries, sets their offsets and makes room in the index: what can fail of
/// that does so before a byte is written.
Status Publisher::find_targets(const Locked& locked, FrameBuilder& frame) {
  targets_.clear();
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    FrameEntry& entry = frame.entry(i);
    MILLRACE_ASSIGN(PartitionRow * row, topics_.row(partition_of(entry)));
    entry.base_offset = row->next_offset;
    std::int64_t end = row->next_offset;
    if (is_indexed(entry.topic)) {
      MILLRACE_TRY(index_.reserve(locked, *row));
      MILLRACE_ASSIGN(end, index_.end(locked, *row));
    }
    targets_.push_back({row, end});
  }
  return {};
}

FrameHeader Publisher::complete(const Locked& locked, FrameHeader header) const {
  const Control& control = directory_.control();
  header.position = control.committed.load(std::memory_order_relaxed);
  header.durable = control.durable.load(std::memory_order_relaxed);
  header.log_id = directory_.log_id();
  header.incarnation = control.incarnation;
  header.member = static_cast<std::uint32_t>(directory_.slot());
  const auto last = tail(locked);
  MILLRACE_ASSERT(last.has_value(), last.error().message().c_str());
  header.previous = last->checksum;
  return header;
}

// Everything that a reader, a repair and the next commit rely on, before a byte is written.
void Publisher::check_before_commit(const Locked&, FrameBuilder& frame, std::uint64_t position) {
  MILLRACE_ASSERT(position % frame_alignment == 0 && frame.bytes() % frame_alignment == 0,
                  "frames are aligned");
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    MILLRACE_ASSERT(frame.entry(i).base_offset == targets_[i].end,
                    "the offsets of a partition have no gap");
  }
}

Status Publisher::write(const Locked& locked, std::uint64_t position, FrameBuilder& frame) {
  const std::string_view bytes = frame.view();
  // Each piece is a step, so that a holder of the lock on a slow disk is not taken for stuck.
  const auto write_pieces = [&](std::size_t from, std::size_t to) -> Status {
    for (std::size_t at = from; at < to; at += write_bytes) {
      MILLRACE_TRY(
          journal_.write(locked, position + at, bytes.substr(at, std::min(write_bytes, to - at))));
      directory_.control().progress.fetch_add(1, std::memory_order_relaxed);
    }
    return {};
  };
#ifdef MILLRACE_FAULT_POINTS
  MILLRACE_TRY(write_pieces(0, bytes.size() / 2));
  MILLRACE_FAULT_POINT("commit.inside_frame");
  return write_pieces(bytes.size() / 2, bytes.size());
#else
  return write_pieces(0, bytes.size());
#endif
}

/// Nobody takes what lies at `position` for a frame any more, whatever follows.
Status Publisher::wipe(const Locked& locked, std::uint64_t position) {
  return journal_.write(locked, position, std::string(frame_header_bytes, '\0'));
}

Status Publisher::publish(const Locked& locked, FrameBuilder& frame, std::uint64_t position,
                          const Transaction* transaction) {
  Control& control = directory_.control();
  if (transaction != nullptr) {
    for (const Transaction::Position& moved : transaction->positions()) {
      set_position(locked, control, moved.group, moved.partition, moved.next.value);
    }
    if (!transaction->sequence().producer.empty()) {
      set_producer(locked, control, transaction->sequence().producer,
                   {transaction->sequence().number, position});
    }
  } else {
    MILLRACE_TRY(apply_internal(locked, frame.view()));
  }
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    const FrameEntry& entry = frame.entry(i);
    PartitionRow& row = *targets_[i].row;
    const std::int64_t end = entry.base_offset + entry.offsets;
    if (is_indexed(entry.topic)) {
      index_.append(locked, row,
                    {.end = end,
                     .position = position + entry.frame_offset,
                     .bytes = entry.bytes,
                     .frame_offset = entry.frame_offset,
                     .time_ms = latest_ms(FrameView(frame.view()), entry)});
    }
    row.next_offset = end;
  }
  return {};
}

Status Publisher::apply_entries(const Locked& locked, const FrameView& frame,
                                std::uint64_t position) {
  const FrameHeader header = frame.header();
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = frame.entry(i);
    MILLRACE_ASSIGN(PartitionRow * row, topics_.row_of_any(partition_of(entry)));
    const std::int64_t end = entry.base_offset + entry.offsets;
    if (is_indexed(entry.topic)) {
      MILLRACE_TRY(index_batch(locked, *row, entry, position, latest_ms(frame, entry)));
    }
    row->next_offset = end;
  }
  return {};
}

Status Publisher::index_batch(const Locked& locked, PartitionRow& row, const FrameEntry& entry,
                              std::uint64_t position, std::int64_t time_ms) {
  const std::uint64_t batch_position = position + entry.frame_offset;
  const std::int64_t end = entry.base_offset + entry.offsets;
  if (end <= row.settled.load(std::memory_order_relaxed)) {
    return {};
  }
  if (const std::uint64_t count = row.count.load(std::memory_order_relaxed); count > 0) {
    MILLRACE_ASSIGN(const IndexEntry last, index_.at(row, count - 1));
    if (last.position == batch_position) {
      return {};
    }
    if (entry.base_offset < last.end) {
      return fail(errc::corrupt,
                  "{}: corrupt at position {}: the frame gives offset {} of partition {} of topic "
                  "{} again, which had been given up to {}; run `millrace log verify`",
                  journal_.path_of(position), position, entry.base_offset, entry.partition,
                  entry.topic, last.end - 1);
    }
  }
  MILLRACE_TRY(index_.reserve(locked, row));
  index_.append(locked, row,
                {.end = end,
                 .position = batch_position,
                 .bytes = entry.bytes,
                 .frame_offset = entry.frame_offset,
                 .time_ms = time_ms});
  return {};
}

Status Publisher::apply_internal(const Locked& locked, std::string_view bytes) {
  const FrameView frame(bytes);
  const FrameHeader header = frame.header();
  std::vector<RecordView> records;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = frame.entry(i);
    if (entry.topic >= internal_topics) {
      continue;
    }
    records.clear();
    MILLRACE_TRY(decode_batch(frame.batch(entry), records));
    for (const RecordView& record : records) {
      MILLRACE_TRY(apply_record(locked, entry, header.position, record));
    }
  }
  return {};
}

Status Publisher::apply_record(const Locked& locked, const FrameEntry& entry,
                               std::uint64_t position, const RecordView& record) {
  Control& control = directory_.control();
  const std::string_view key = record.key.value_or("");
  const std::string_view value = record.value.value_or("");
  if (entry.topic == catalog_topic.value) {
    return apply_topic(locked, value);
  }
  if (entry.topic == positions_topic.value) {
    MILLRACE_ASSIGN(const PositionRecord read, read_position(key, value));
    MILLRACE_TRY(check_room_for(locked, control, read.group, read.partition));
    set_position(locked, control, read.group, read.partition, read.next);
    return {};
  }
  MILLRACE_ASSIGN(const std::int64_t sequence, read_integer(value));
  MILLRACE_TRY(check_room_for(locked, control, key));
  set_producer(locked, control, key, {sequence, position});
  return {};
}

Status Publisher::apply_topic(const Locked&, std::string_view record) {
  MILLRACE_TRY(topics_.apply(record));
  const CatalogTopic* const topic = topics_.catalog().topic_of(record);
  for (std::int32_t p = 0; topic != nullptr && p < topic->topic.spec.partitions; ++p) {
    PartitionRow& row = directory_.control().partitions[topic->row(p)];
    row.topic = topic->topic.id.value;
    row.partition = p;
  }
  return {};
}

Result<Tail> Publisher::tail(const Locked&) const {
  const Control& control = directory_.control();
  const std::uint64_t committed = control.committed.load(std::memory_order_relaxed);
  for (const Tail& tail : control.tails) {
    if (tail.end == committed) {
      return tail;
    }
  }
  const std::string reason =
      "the last frame ends at position " + std::to_string(control.tails[0].end) + " or " +
      std::to_string(control.tails[1].end) + ", but the log at " + std::to_string(committed);
  directory_.mark_control_broken(reason);
  return fail(errc::corrupt, "{}/control: {}", directory_.path(), reason);
}

void Publisher::advance(const Locked&, std::uint64_t end, std::uint32_t checksum) {
  Control& control = directory_.control();
  const bool first_is_last =
      control.tails[0].end == control.committed.load(std::memory_order_relaxed);
  Tail& next = control.tails[first_is_last ? 1 : 0];
  next.checksum = checksum;
  next.end = end;
  MILLRACE_ASSERT(
      end > control.committed.load(std::memory_order_relaxed) && end % frame_alignment == 0,
      "the log grows by whole frames");
  control.committed.store(end, std::memory_order_seq_cst);
}

bool Publisher::wants(const WaiterRow& waiter, FrameBuilder& frame) const {
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    const FrameEntry& entry = frame.entry(i);
    const CatalogTopic* topic = topics_.catalog().find(TopicId{{entry.topic}});
    const std::size_t row = topic->row(entry.partition);
    if (is_indexed(entry.topic) &&
        (waiter.interests[row / 64].load(std::memory_order_relaxed) >> (row % 64) & 1U) != 0) {
      return true;
    }
  }
  return false;
}

void Publisher::wake_readers(const Locked&, FrameBuilder& frame) {
  Control& control = directory_.control();
  for (std::size_t word = 0; word < max_waiters / 64; ++word) {
    std::uint64_t sleeping = control.sleeping[word].load(std::memory_order_seq_cst);
    while (sleeping != 0) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(sleeping));
      sleeping &= sleeping - 1;
      WaiterRow& waiter = control.waiters[word * 64 + bit];
      if (wants(waiter, frame)) {
        control.sleeping[word].fetch_and(~(1ULL << bit), std::memory_order_relaxed);
        waiter.word.fetch_add(1, std::memory_order_release);
        directory_.region().wake(futex_of(waiter.word), 1);
      }
    }
  }
}

Result<Publisher::Unpublished> Publisher::read_unpublished(const Locked& locked) {
  const Control& control = directory_.control();
  const std::uint64_t position = control.committed.load(std::memory_order_relaxed);
  MILLRACE_ASSIGN(const Tail before, tail(locked));
  FrameHeader header;
  MILLRACE_ASSIGN(const std::size_t got,
                  journal_.read(position, reinterpret_cast<char*>(&header), sizeof header));
  Unpublished found;
  found.begun = got >= sizeof header.magic && header.magic != 0;
  if (got != sizeof header ||
      frame_header_fault(header, directory_.log_id(), position) != nullptr ||
      header.incarnation != control.incarnation || header.previous != before.checksum ||
      position + header.bytes > control.segment_end) {
    return found;
  }
  std::string frame(header.bytes, '\0');
  MILLRACE_ASSIGN(const std::size_t whole, journal_.read(position, frame.data(), frame.size()));
  if (whole == frame.size() &&
      frame_table_fault(std::string_view(frame).substr(0, table_bytes(header))) == nullptr &&
      frame_batches_fault(frame) == nullptr) {
    found.frame = std::move(frame);
  }
  return found;
}

bool Publisher::may_be_whole(const Locked& locked) {
  const auto found = read_unpublished(locked);
  return !found || found->frame;
}

Status Publisher::repair(const Locked& locked) {
  const Control& control = directory_.control();
  const std::uint64_t position = control.committed.load(std::memory_order_relaxed);
  if (position + frame_header_bytes > control.segment_end || position < control.segment_start) {
    return {};
  }
  MILLRACE_ASSIGN(const Unpublished found, read_unpublished(locked));
  if (found.frame) {
    const FrameView frame(*found.frame);
    const FrameHeader header = frame.header();
    MILLRACE_TRY(apply_internal(locked, *found.frame));
    MILLRACE_TRY(apply_entries(locked, frame, position));
    advance(locked, position + header.bytes, header.checksum);
  } else {
    // Not whole: it never became visible.
    MILLRACE_TRY(wipe(locked, position));
  }
  if (found.begun) {
    directory_.counts().repaired_tails.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

}  // namespace millrace::log::embedded
