// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <bit>

#include "core.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

// How a frame becomes visible. Everything here is repeatable: a member that dies half way leaves a
// state from which the next holder of the lock does it again from the frame itself. Readers trust
// an index entry only when its batch lies below `committed`.
namespace millrace::log::embedded {
namespace {

bool is_indexed(std::int32_t topic) {
  return topic != positions_topic.value && topic != producers_topic.value;
}

}  // namespace

Status Core::reserve_index(const Locked& locked, FrameBuilder& frame) {
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    const FrameEntry& entry = frame.entry(i);
    if (is_indexed(entry.topic)) {
      MILLRACE_ASSIGN(PartitionRow * row, row_of({{entry.topic}, partition(entry.partition)}));
      MILLRACE_TRY(index->reserve(locked, *row));
    }
  }
  return {};
}

Status Core::apply_entries(const Locked& locked, const FrameView& frame, std::uint64_t position) {
  const FrameHeader header = frame.header();
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = frame.entry(i);
    MILLRACE_ASSIGN(PartitionRow * row, row_of({{entry.topic}, partition(entry.partition)}));
    const std::int64_t end = entry.base_offset + entry.offsets;
    const std::uint64_t count = row->count.load(std::memory_order_relaxed);
    if (is_indexed(entry.topic)) {
      bool there = false;
      if (count > 0) {
        MILLRACE_ASSIGN(const IndexEntry last, index->at(*row, count - 1));
        there = last.end >= end;
      }
      if (!there) {
        MILLRACE_TRY(index->reserve(locked, *row));
        index->append(locked, *row, IndexEntry::make(end, position + entry.place, entry.bytes));
      }
    }
    row->next_offset = end;
  }
  return {};
}

Status Core::apply_internal(const Locked& locked, std::string_view bytes) {
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
      const std::string_view key = record.key.value_or("");
      const std::string_view value = record.value.value_or("");
      if (entry.topic == catalog_topic.value) {
        MILLRACE_TRY(catalog.apply(value));
        MILLRACE_ASSIGN(const auto topic, Catalog::read_topic(value));
        for (std::int32_t p = 0; topic && p < topic->topic.spec.partitions; ++p) {
          PartitionRow& row = control->partitions[topic->first_row + static_cast<std::uint32_t>(p)];
          row.topic = topic->topic.id.value;
          row.partition = p;
        }
      } else if (entry.topic == positions_topic.value) {
        MILLRACE_ASSIGN(const PositionRecord read, read_position(key, value));
        MILLRACE_TRY(check_room_for(locked, *control, read.group, read.place));
        set_position(locked, *control, read.group, read.place, read.next);
      } else {
        MILLRACE_ASSIGN(const std::int64_t sequence, read_integer(value));
        MILLRACE_TRY(check_room_for(locked, *control, key));
        set_producer(locked, *control, key, {sequence, header.position});
      }
    }
  }
  return {};
}

const Tail& Core::tail(const Locked&) const {
  const std::uint64_t committed = control->committed.load(std::memory_order_relaxed);
  const Tail& first = control->tails[0];
  const Tail& found = first.end == committed ? first : control->tails[1];
  MILLRACE_ASSERT(found.end == committed, "the last frame ends where the log does");
  return found;
}

// Everything that a reader, a repair and the next commit rely on, before a byte is written.
void Core::check_before_commit(const Locked&, FrameBuilder& frame, std::uint64_t position) {
  MILLRACE_ASSERT(position % frame_alignment == 0 && frame.bytes() % frame_alignment == 0,
                  "frames are aligned");
  MILLRACE_ASSERT(
      position >= control->segment_start && position + frame.bytes() <= control->segment_end,
      "a frame lies in one segment");
  for (std::size_t i = 0; i < frame.entries(); ++i) {
    const FrameEntry& entry = frame.entry(i);
    if (!is_indexed(entry.topic)) {
      continue;
    }
    const auto row = row_of({{entry.topic}, partition(entry.partition)});
    MILLRACE_ASSERT(row.has_value(), "room in the index was reserved");
    const std::uint64_t count = (*row)->count.load(std::memory_order_relaxed);
    std::int64_t end = (*row)->start_offset.load(std::memory_order_relaxed);
    if (count > 0) {
      const auto last = index->at(**row, count - 1);
      MILLRACE_ASSERT(last.has_value(), "what was appended to the index can be read");
      end = last->end;
    }
    MILLRACE_ASSERT(entry.base_offset == end, "the offsets of a partition have no gap");
  }
}

void Core::advance(const Locked& locked, std::uint64_t end, std::uint32_t checksum) {
  Tail& next = &tail(locked) == &control->tails[0] ? control->tails[1] : control->tails[0];
  next.checksum = checksum;
  next.end = end;
  MILLRACE_ASSERT(
      end > control->committed.load(std::memory_order_relaxed) && end % frame_alignment == 0,
      "the log grows by whole frames");
  control->committed.store(end, std::memory_order_seq_cst);
}

void Core::wake_readers(const Locked&, FrameBuilder& frame) {
  for (std::size_t word = 0; word < max_waiters / 64; ++word) {
    std::uint64_t sleeping = control->sleeping[word].load(std::memory_order_seq_cst);
    while (sleeping != 0) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(sleeping));
      sleeping &= sleeping - 1;
      WaiterRow& waiter = control->waiters[word * 64 + bit];
      bool hit = false;
      for (std::size_t i = 0; i < frame.entries() && !hit; ++i) {
        const FrameEntry& entry = frame.entry(i);
        const CatalogTopic* topic = catalog.find(TopicId{{entry.topic}});
        const std::size_t row = topic->first_row + static_cast<std::size_t>(entry.partition);
        hit = is_indexed(entry.topic) &&
              (waiter.interests[row / 64].load(std::memory_order_relaxed) >> (row % 64) & 1U) != 0;
      }
      if (hit) {
        control->sleeping[word].fetch_and(~(1ULL << bit), std::memory_order_relaxed);
        waiter.word.fetch_add(1, std::memory_order_release);
        region->wake(futex_of(waiter.word), 1);
      }
    }
  }
}

void Core::wake_everybody() {
  control->alarms.fetch_add(1, std::memory_order_seq_cst);
  for (std::size_t i = 0; i < max_waiters; ++i) {
    WaiterRow& waiter = control->waiters[i];
    if (waiter.owner.load(std::memory_order_relaxed) != 0) {
      control->sleeping[i / 64].fetch_and(~(1ULL << (i % 64)), std::memory_order_relaxed);
      waiter.word.fetch_add(1, std::memory_order_release);
      region->wake(futex_of(waiter.word), 1);
    }
  }
  control->durable_word.fetch_add(1, std::memory_order_release);
  region->wake(futex_of(control->durable_word), 1 << 20);
}

Status Core::repair_frame(const Locked& locked) {
  const std::uint64_t position = control->committed.load(std::memory_order_relaxed);
  const Tail before = tail(locked);
  if (position + frame_header_bytes > control->segment_end || position < control->segment_start) {
    return {};
  }
  FrameHeader header;
  MILLRACE_ASSIGN(const std::size_t got,
                  journal.read(position, reinterpret_cast<char*>(&header), sizeof header));
  const bool readable =
      got == sizeof header && frame_header_fault(header, log_id, position) == nullptr &&
      header.incarnation == control->incarnation && header.previous == before.checksum &&
      position + header.bytes <= control->segment_end;
  if (readable) {
    std::string frame(header.bytes, '\0');
    MILLRACE_ASSIGN(const std::size_t whole, journal.read(position, frame.data(), frame.size()));
    if (whole == frame.size() &&
        frame_table_fault(std::string_view(frame).substr(0, table_bytes(header))) == nullptr &&
        frame_batches_fault(frame) == nullptr) {
      MILLRACE_TRY(apply_internal(locked, frame));
      MILLRACE_TRY(apply_entries(locked, FrameView(frame), position));
      advance(locked, position + header.bytes, header.checksum);
      return {};
    }
  }
  // Not whole: it never became visible. Its header is wiped so that nobody takes it for a frame,
  // whatever follows.
  return journal.write(locked, position, std::string(frame_header_bytes, '\0'));
}

Status Core::adopt_segment(const Locked& locked) {
  MILLRACE_TRY(journal.refresh());
  const auto segments = journal.segments();
  // A segment that begins at the end of the log was made by the dead one, and some may have seen
  // it: from now on it is the one for all.
  if (!segments.empty() &&
      segments.back().start == control->committed.load(std::memory_order_relaxed)) {
    // Its maker may have died before the name was durable.
    MILLRACE_TRY(journal.sync_names());
    use_segment(locked, segments.back().start, segments.back().end);
  } else {
    control->segments_version.fetch_add(1, std::memory_order_release);
  }
  return {};
}

Status Core::repair(const Locked& locked) {
  recount(locked, *control);
  MILLRACE_TRY(adopt_segment(locked));
  // The frame of the dead one may follow on catalog records that we have not seen yet.
  MILLRACE_TRY(refresh_catalog());
  MILLRACE_TRY(repair_frame(locked));
  MILLRACE_FAULT_POINT("repair.after_frame");
  clean_dead_members(locked);
  wake_everybody();
  return {};
}

}  // namespace millrace::log::embedded
