// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/hash.hpp"

#include <xxhash.h>

#include <cstddef>
#include <cstring>

#include "millrace/base/assert.hpp"

namespace millrace {

std::int32_t murmur2(std::string_view bytes) {
  constexpr std::uint32_t seed = 0x9747b28cU;
  constexpr std::uint32_t m = 0x5bd1e995U;
  std::uint32_t hash = seed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, 4);
    word *= m;
    word ^= word >> 24U;
    word *= m;
    hash = (hash * m) ^ word;
  }
  if (at < bytes.size()) {
    std::uint32_t rest = 0;
    for (std::size_t i = bytes.size(); i-- > at;) {
      rest = (rest << 8U) | static_cast<unsigned char>(bytes[i]);
    }
    hash = (hash ^ rest) * m;
  }
  hash ^= hash >> 13U;
  hash *= m;
  hash ^= hash >> 15U;
  return static_cast<std::int32_t>(hash);
}

std::int32_t partition_of(std::string_view key, std::int32_t partitions) {
  MILLRACE_ASSERT(partitions > 0, "a topic has at least one partition");
  return (murmur2(key) & 0x7fffffff) % partitions;
}

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
  return XXH64(bytes.data(), bytes.size(), seed);
}

}  // namespace millrace
