// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// The last offset of each key, in memory of a fixed size. Kafka's SkimpyOffsetMap keeps hashes of
/// the keys; here the keys themselves are kept, so that no record is ever taken for that of another
/// key. Not thread-safe.
class OffsetMap {
 public:
  /// Half of `memory_bytes` for the keys' bytes, which are touched only as far as they are used.
  explicit OffsetMap(std::size_t memory_bytes);

  /// Sets the offset of a key. False, and nothing changes, when there is no room for a new key; the
  /// first one is always taken.
  [[nodiscard]] bool put(std::string_view key, Offset at);
  [[nodiscard]] std::optional<Offset> find(std::string_view key) const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t start = 0;  // of the key in keys_
    std::uint32_t bytes = 0;  // of the key
    std::uint32_t hash = 0;
    std::int64_t offset = -1;  // none: the slot is free
  };

  /// The slot of the key, or the free one that it would get.
  [[nodiscard]] std::size_t slot_of(std::string_view key, std::uint64_t hash) const;

  std::vector<Slot> slots_;  // open addressing; a power of two
  std::string keys_;
  std::size_t keys_bytes_max_;
  std::size_t size_ = 0;
};

}  // namespace millrace::log::embedded
