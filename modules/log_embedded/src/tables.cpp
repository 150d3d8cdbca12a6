// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "tables.hpp"

#include <algorithm>
#include <atomic>

#include "millrace/base/assert.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

bool is_used(const std::uint32_t& used) { return used != 0; }

// A row counts once all of it is written, should its writer die.
void mark_used(std::uint32_t& used) { std::atomic_ref(used).store(1, std::memory_order_release); }

/// The row of the key, or the first free one on its way; null when there is neither.
template <class Row, std::size_t size, class Same>
Row* probe(Row (&rows)[size], std::uint64_t hash, Same same) {
  static_assert((size & (size - 1)) == 0);
  for (std::size_t i = 0; i < size; ++i) {
    Row& row = rows[(hash + i) & (size - 1)];
    if (!is_used(row.used) || same(row)) {
      return &row;
    }
  }
  return nullptr;
}

PositionRow* position_row(Control& control, GroupId group, TopicPartition partition) {
  const std::int32_t key[3] = {group.value, partition.topic.value, partition.partition.value};
  const std::uint64_t hash = xxh64({reinterpret_cast<const char*>(key), sizeof key});
  return probe(control.positions, hash, [&](const PositionRow& row) {
    return row.group == key[0] && row.topic == key[1] && row.partition == key[2];
  });
}

ProducerRow* producer_row(Control& control, std::string_view name) {
  return probe(control.producers, xxh64(name),
               [&](const ProducerRow& row) { return row.name.view() == name; });
}

}  // namespace

std::optional<std::int64_t> find_position(const Locked&, const Control& control, GroupId group,
                                          TopicPartition partition) {
  const PositionRow* row = position_row(const_cast<Control&>(control), group, partition);
  return row != nullptr && is_used(row->used) ? std::optional(row->next) : std::nullopt;
}

void set_position(const Locked&, Control& control, GroupId group, TopicPartition partition,
                  std::int64_t next) {
  PositionRow* row = position_row(control, group, partition);
  MILLRACE_ASSERT(row != nullptr, "room for the position was checked");
  row->next = next;
  if (!is_used(row->used)) {
    row->group = group.value;
    row->topic = partition.topic.value;
    row->partition = partition.partition.value;
    mark_used(row->used);
    control.positions_used += 1;
  }
}

std::optional<ProducerState> find_producer(const Locked&, const Control& control,
                                           std::string_view name) {
  const ProducerRow* row = producer_row(const_cast<Control&>(control), name);
  return row != nullptr && is_used(row->used)
             ? std::optional(ProducerState{row->sequence, row->frame})
             : std::nullopt;
}

void set_producer(const Locked&, Control& control, std::string_view name, ProducerState state) {
  ProducerRow* row = producer_row(control, name);
  MILLRACE_ASSERT(row != nullptr, "room for the producer was checked");
  row->sequence = state.sequence;
  row->frame = state.frame;
  if (!is_used(row->used)) {
    row->name.set(name);
    mark_used(row->used);
    control.producers_used += 1;
  }
}

bool claim_holds(const Locked&, const Control& control, const Claim& claim) {
  if (claim.slot() < 0 || claim.slot() >= control.tasks_used || claim.epoch().number == 0) {
    return false;
  }
  const TaskRow& task = control.tasks[claim.slot()];
  return claim.epoch() == ClaimEpoch{task.incarnation, task.number} &&
         task.group == claim.group().value;
}

Status check_room(const Locked&, const Control& control, std::size_t positions,
                  std::size_t producers) {
  if (control.positions_used + positions > max_positions) {
    return fail(errc::limit,
                "the log's table of group positions is full ({}); use fewer groups or partitions, "
                "or a second log",
                max_positions);
  }
  if (control.producers_used + producers > max_producers) {
    return fail(errc::limit,
                "the log's table of producers is full ({}); use the producer names that are there, "
                "or a second log",
                max_producers);
  }
  return {};
}

Status check_room_for(const Locked& locked, const Control& control, GroupId group,
                      TopicPartition partition) {
  return find_position(locked, control, group, partition) ? Status{}
                                                          : check_room(locked, control, 1, 0);
}

Status check_room_for(const Locked& locked, const Control& control, std::string_view producer) {
  return find_producer(locked, control, producer) ? Status{} : check_room(locked, control, 0, 1);
}

void recount(const Locked&, Control& control) {
  control.positions_used = static_cast<std::uint32_t>(
      std::count_if(std::begin(control.positions), std::end(control.positions),
                    [](const PositionRow& row) { return is_used(row.used); }));
  control.producers_used = static_cast<std::uint32_t>(
      std::count_if(std::begin(control.producers), std::end(control.producers),
                    [](const ProducerRow& row) { return is_used(row.used); }));
}

std::vector<PositionRecord> positions_of(const Locked&, const Control& control) {
  std::vector<PositionRecord> positions;
  for (const PositionRow& row : control.positions) {
    if (row.used != 0) {
      positions.push_back({{{row.group}}, {{{row.topic}}, partition(row.partition)}, row.next});
    }
  }
  return positions;
}

std::optional<std::int64_t> smallest_position(const Locked&, const Control& control,
                                              TopicPartition partition) {
  std::optional<std::int64_t> smallest;
  for (const PositionRow& row : control.positions) {
    if (row.used != 0 && row.topic == partition.topic.value &&
        row.partition == partition.partition.value) {
      smallest = std::min(smallest.value_or(row.next), row.next);
    }
  }
  return smallest;
}

std::string position_key(GroupId group, TopicPartition partition) {
  char key[12];
  store_little(key, group.value);
  store_little(key + 4, partition.topic.value);
  store_little(key + 8, partition.partition.value);
  return {key, sizeof key};
}

std::string integer_value(std::int64_t value) {
  char bytes[8];
  store_little(bytes, value);
  return {bytes, sizeof bytes};
}

Result<PositionRecord> read_position(std::string_view key, std::string_view value) {
  ByteReader in(key);
  PositionRecord record;
  record.group.value = in.little<std::int32_t>();
  record.partition.topic.value = in.little<std::int32_t>();
  record.partition.partition.value = in.little<std::int32_t>();
  MILLRACE_ASSIGN(record.next, read_integer(value));
  if (!in.ok()) {
    return fail(errc::corrupt, "a record of __positions makes no sense");
  }
  return record;
}

Result<std::int64_t> read_integer(std::string_view value) {
  ByteReader in(value);
  const auto number = in.little<std::int64_t>();
  if (!in.ok()) {
    return fail(errc::corrupt, "a record of the log's own topics makes no sense");
  }
  return number;
}

}  // namespace millrace::log::embedded
