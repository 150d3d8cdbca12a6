// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "millrace/codec/describe.hpp"
#include "millrace/stream/byte_store.hpp"
#include "millrace/stream/node.hpp"

namespace millrace::stream {

/// Names a store of a topology, with its types. Made by TopologyBuilder::store.
template <class K, class V>
struct StoreRef {
  StoreId id{};
};

/// A typed face of a task's ByteStore. Cheap; lives as long as the task. One thread.
template <class K, class V>
class Store {
 public:
  explicit Store(ByteStore& bytes) : bytes_(&bytes) {}
  [[nodiscard]] std::optional<V> get(const K& key) const;
  void put(const K& key, const V& value);
  void erase(const K& key);
  /// Visits keys in [from, to) in order until `visit(key, value)` returns false. It may put, erase.
  void range(const K& from, const K& to,
             const std::function<bool(const K&, const V&)>& visit) const;
  void all(const std::function<bool(const K&, const V&)>& visit) const;

 private:
  ByteStore* bytes_;
};

}  // namespace millrace::stream

#include "millrace/stream/detail/store.ipp"
