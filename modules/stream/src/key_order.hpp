// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "millrace/base/endian.hpp"

namespace millrace::stream {

/// Sorts entries of a map by their keys, in byte order. Keys of one store often begin alike: the
/// eight bytes after what all of them share decide nearly every comparison, without a look at the
/// keys, which lie all over the memory. Keeps its memory. One thread.
template <class Item>
class KeyOrder {
 public:
  struct Entry {
    std::uint64_t decisive;
    const Item* item;
    friend bool operator<(const Entry& a, const Entry& b) {
      if (a.decisive != b.decisive) {
        return a.decisive < b.decisive;
      }
      return a.item->first < b.item->first;
    }
  };

  /// No two items have the same key. Valid until the next call.
  [[nodiscard]] const std::vector<Entry>& sort(const std::vector<Item*>& items) {
    entries_.clear();
    const std::size_t shared = shared_bytes(items);
    for (const Item* item : items) {
      entries_.push_back({decisive_bytes(item->first, shared), item});
    }
    std::sort(entries_.begin(), entries_.end());
    return entries_;
  }

 private:
  /// With which all keys begin.
  static std::size_t shared_bytes(const std::vector<Item*>& items) {
    if (items.empty()) {
      return 0;
    }
    std::string_view shared = items.front()->first;
    for (const Item* item : items) {
      const std::string_view key = item->first;
      if (key.starts_with(shared)) {
        continue;
      }
      const auto ends = std::mismatch(shared.begin(), shared.end(), key.begin(), key.end()).first;
      shared = shared.substr(0, static_cast<std::size_t>(ends - shared.begin()));
    }
    return shared.size();
  }

  // A key that ends earlier has zeros: it goes first by them, or the whole keys are compared.
  static std::uint64_t decisive_bytes(std::string_view key, std::size_t from) {
    char bytes[sizeof(std::uint64_t)] = {};
    key.copy(bytes, sizeof(bytes), from);
    return load_big<std::uint64_t>(bytes);
  }

  std::vector<Entry> entries_;
};

}  // namespace millrace::stream
