// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "stable_bytes.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "millrace/base/assert.hpp"

namespace millrace {

void StableBytes::add_chunk(std::uint64_t size) {
  char* const memory = static_cast<char*>(std::calloc(size, 1));
  MILLRACE_ASSERT(memory != nullptr, "a test file fits in memory");
  chunks_.push_back({capacity(), size, std::unique_ptr<char[], Free>(memory)});
}

void StableBytes::reserve(std::uint64_t size) {
  constexpr std::uint64_t smallest = 4096;
  if (size > capacity()) {
    add_chunk(std::max({size - capacity(), capacity(), smallest}));
  }
}

// Visits the pieces of [begin, end) as (memory, offset within the range, size).
template <class Visit>
void StableBytes::for_range(std::uint64_t begin, std::uint64_t end, Visit visit) const {
  for (const Chunk& chunk : chunks_) {
    const std::uint64_t from = std::max(begin, chunk.begin);
    const std::uint64_t to = std::min(end, chunk.begin + chunk.size);
    if (from < to) {
      visit(chunk.memory.get() + (from - chunk.begin), from - begin, to - from);
    }
  }
}

void StableBytes::read(std::uint64_t offset, char* out, std::size_t size) const {
  for_range(offset, offset + size, [&](const char* memory, std::uint64_t at, std::uint64_t count) {
    std::memcpy(out + at, memory, count);
  });
}

void StableBytes::write(std::uint64_t offset, std::string_view bytes) {
  for_range(offset, offset + bytes.size(),
            [&](char* memory, std::uint64_t at, std::uint64_t count) {
              std::memcpy(memory, bytes.data() + at, count);
            });
}

void StableBytes::fill_zero(std::uint64_t begin, std::uint64_t end) {
  for_range(begin, end, [](char* memory, std::uint64_t, std::uint64_t count) {
    std::memset(memory, 0, count);
  });
}

char* StableBytes::map(std::uint64_t size) {
  reserve(size);
  if (chunks_.empty() || chunks_.front().size < size) {
    if (mapped_ != 0 || chunks_.empty()) {
      return nullptr;
    }
    StableBytes whole;
    whole.reserve(capacity());
    read(0, whole.chunks_.front().memory.get(), capacity());
    chunks_ = std::move(whole.chunks_);
  }
  mapped_ = std::max(mapped_, size);
  return chunks_.front().memory.get();
}

}  // namespace millrace
