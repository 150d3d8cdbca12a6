// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "index.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "time_search.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint64_t index_unit = 128;
constexpr std::uint64_t block_bytes = 4U << 20U;

// More than any block has.
constexpr std::uint64_t full = 1ULL << 60U;

template <class T>
void store(T& field, T value) {
  std::atomic_ref(field).store(value, std::memory_order_release);
}

struct Slot {
  std::size_t level;
  std::uint64_t in_level;
};

// Level k has first_level_entries << k entries.
Slot slot_of(std::uint64_t i) {
  const auto level = static_cast<std::size_t>(std::bit_width(i / first_level_entries + 1) - 1);
  return {level, i - first_level_entries * ((1ULL << level) - 1)};
}

static_assert(first_level_entries * sizeof(IndexEntry) % index_unit == 0,
              "each level begins at a whole unit");

std::uint64_t level_bytes(std::size_t level) {
  return (first_level_entries << level) * sizeof(IndexEntry);
}

}  // namespace

Index::Index(LogDirectory& directory)
    : directory_(directory),
      blocks_(std::make_unique<std::array<std::atomic<char*>, max_blocks>>()) {}

Result<char*> Index::level(const PartitionRow& row, std::size_t number) {
  const std::uint64_t address = std::atomic_ref(const_cast<std::uint64_t&>(row.levels[number]))
                                    .load(std::memory_order_acquire);
  const std::uint64_t block_number = address >> 32U;
  const std::uint64_t at = (address & 0xffff'ffffU) * index_unit;
  // A block has at least block_bytes; a larger one holds nothing but this level.
  const std::uint64_t size = std::max(block_bytes, level_bytes(number));
  if (block_number >= max_blocks || at == 0 || at - index_unit + level_bytes(number) > size)
      [[unlikely]] {
    const std::string reason = "the index of partition " + std::to_string(row.partition) +
                               " of topic " + std::to_string(row.topic) + " lies nowhere";
    directory_.mark_control_broken(reason);
    return fail(errc::corrupt, "{}/control: {}", directory_.path(), reason);
  }
  std::atomic<char*>& block = (*blocks_)[block_number];
  char* mapped = block.load(std::memory_order_acquire);
  if (mapped == nullptr) [[unlikely]] {
    MILLRACE_ASSIGN(
        mapped, directory_.region().block(static_cast<std::uint32_t>(block_number), size, false));
    block.store(mapped, std::memory_order_release);
  }
  return mapped + (at - index_unit);
}

std::uint64_t Index::bytes() const {
  std::uint64_t bytes = 0;
  for (PartitionRow& row : directory_.control().partitions) {
    for (std::size_t i = 0; i < index_levels; ++i) {
      const bool made = std::atomic_ref(row.levels[i]).load(std::memory_order_relaxed) != 0;
      bytes += made ? level_bytes(i) : 0;
    }
  }
  return bytes;
}

Status Index::reserve(const Locked&, PartitionRow& row) {
  Control& control = directory_.control();
  const std::uint64_t count = row.count.load(std::memory_order_relaxed);
  const Slot slot = slot_of(count);
  if (slot.level >= index_levels) {
    return fail(errc::limit, "the index of a partition is full ({} levels); write to another topic",
                index_levels);
  }
  // Where the batches of the entry's range lie.
  const std::size_t first = slot_of(count + 1 - range_size(count)).level;
  for (std::size_t below = first; below < slot.level; ++below) {
    MILLRACE_TRY(level(row, below));
  }
  if (row.levels[slot.level] != 0) {
    // Another member may have made it.
    MILLRACE_TRY(level(row, slot.level));
    return {};
  }
  const std::uint64_t wanted = level_bytes(slot.level);
  if (control.blocks_used == 0 || control.block_free + wanted > control.block_size) {
    const std::uint32_t number = control.blocks_used;
    const std::uint64_t size = std::max(block_bytes, wanted);
    if (number >= max_blocks) {
      return fail(errc::limit, "the log's index is full ({} blocks); write to another log",
                  max_blocks);
    }
    MILLRACE_ASSIGN(char* const made, directory_.region().block(number, size, true));
    (*blocks_)[number].store(made, std::memory_order_release);
    // The former block counts as full until the new one is all there: a death between any two of
    // these leaks room instead of giving it out twice.
    store(control.block_free, full);
    store(control.blocks_used, number + 1);
    store(control.block_size, size);
    store(control.block_free, std::uint64_t{0});
  }
  const std::uint64_t start = control.block_free;
  store(control.block_free, start + wanted);
  const std::uint64_t address =
      (static_cast<std::uint64_t>(control.blocks_used - 1) << 32U) | (start / index_unit + 1);
  std::atomic_ref(row.levels[slot.level]).store(address, std::memory_order_release);
  return {};
}

void Index::append(const Locked&, PartitionRow& row, IndexEntry entry) {
  const std::uint64_t count = row.count.load(std::memory_order_relaxed);
  const Slot slot = slot_of(count);
  const auto start = level(row, slot.level);
  const auto back = latest_back(count, entry.time_ms, [&](std::uint64_t i) { return at(row, i); });
  MILLRACE_ASSERT(start.has_value() && back.has_value(), "room for the entry was reserved");
  entry.latest_back = *back;
  std::memcpy(*start + slot.in_level * sizeof(IndexEntry), &entry, sizeof entry);
  row.count.store(count + 1, std::memory_order_seq_cst);
}

Result<IndexEntry> Index::at(const PartitionRow& row, std::uint64_t i) {
  const Slot slot = slot_of(i);
  MILLRACE_ASSIGN(const char* const start, level(row, slot.level));
  IndexEntry entry;
  std::memcpy(&entry, start + slot.in_level * sizeof(IndexEntry), sizeof entry);
  return entry;
}

Result<std::uint64_t> Index::first_at_time(const PartitionRow& row, std::uint64_t from,
                                           std::uint64_t count, std::int64_t time_ms) {
  return embedded::first_at_time(from, count, time_ms, [&](std::uint64_t i) { return at(row, i); });
}

Result<std::uint64_t> Index::find(const PartitionRow& row, std::uint64_t count, std::int64_t from) {
  std::uint64_t low = 0;
  std::uint64_t high = count;
  // Readers mostly are near the end: look there in growing steps first.
  for (std::uint64_t step = 1; high > 0; step *= 4) {
    const std::uint64_t probe = high > step ? high - step : 0;
    MILLRACE_ASSIGN(const IndexEntry entry, at(row, probe));
    if (entry.end <= from) {
      low = probe + 1;
      break;
    }
    high = probe;
  }
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    MILLRACE_ASSIGN(const IndexEntry entry, at(row, middle));
    if (entry.end > from) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::int64_t Index::base(const PartitionRow& row) {
  return std::max(row.start_offset.load(std::memory_order_acquire),
                  row.settled.load(std::memory_order_acquire));
}

Result<std::int64_t> Index::end(const Locked&, const PartitionRow& row) {
  const std::uint64_t count = row.count.load(std::memory_order_relaxed);
  if (count == 0) {
    return base(row);
  }
  MILLRACE_ASSIGN(const IndexEntry last, at(row, count - 1));
  return last.end;
}

}  // namespace millrace::log::embedded
