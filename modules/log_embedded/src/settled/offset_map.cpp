// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/offset_map.hpp"

#include <algorithm>
#include <bit>

#include "millrace/base/hash.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::size_t slots_min = 16;

}  // namespace

OffsetMap::OffsetMap(std::size_t memory_bytes)
    : slots_(std::bit_floor(std::max(slots_min, memory_bytes / 2 / sizeof(Slot)))),
      keys_bytes_max_(memory_bytes / 2) {
  keys_.reserve(keys_bytes_max_);
}

std::size_t OffsetMap::slot_of(std::string_view key, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  const auto short_hash = static_cast<std::uint32_t>(hash >> 32U);
  std::size_t at = hash & mask;
  while (slots_[at].offset >= 0) {
    const Slot& slot = slots_[at];
    if (slot.hash == short_hash && slot.bytes == key.size() &&
        std::string_view(keys_).substr(slot.start, slot.bytes) == key) {
      break;
    }
    at = (at + 1) & mask;
  }
  return at;
}

bool OffsetMap::put(std::string_view key, Offset at) {
  const std::uint64_t hash = xxh64(key);
  Slot& slot = slots_[slot_of(key, hash)];
  if (slot.offset < 0) {
    // A quarter stays free: so searches are short, and end.
    const bool room = size_ < slots_.size() / 4 * 3 && keys_.size() + key.size() <= keys_bytes_max_;
    if (!room && size_ > 0) {
      return false;
    }
    slot = {keys_.size(), static_cast<std::uint32_t>(key.size()),
            static_cast<std::uint32_t>(hash >> 32U), 0};
    keys_.append(key);
    ++size_;
  }
  slot.offset = at.value;
  return true;
}

std::optional<Offset> OffsetMap::find(std::string_view key) const {
  const Slot& slot = slots_[slot_of(key, xxh64(key))];
  return slot.offset < 0 ? std::nullopt : std::optional(offset(slot.offset));
}

}  // namespace millrace::log::embedded
