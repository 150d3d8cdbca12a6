// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/base/function_ref.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/stream/byte_store.hpp"
#include "millrace/stream/node.hpp"

namespace millrace::stream {

/// Thrown in a task whose store holds what the types of this build cannot read, such as a field
/// that became required: the record in hand goes to the processing error policy.
class StoredFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Throws a StoredFormatError for a failure.
void check_stored(const Status& decoded);

/// Buffers of this thread for a key and a value on their way into a store. No user's code runs
/// while they are in use.
std::string& key_scratch();
std::string& value_scratch();

template <class T>
[[nodiscard]] std::string_view encoded_key(const T& key) {
  std::string& bytes = key_scratch();
  codec::encode_key(codec::type_info<T>(), &key, bytes);
  return bytes;
}

template <class K, class V>
void decode_entry(std::string_view key_bytes, std::string_view value_bytes, K& key, V& value) {
  check_stored(codec::decode_key(codec::type_info<K>(), key_bytes, &key));
  check_stored(
      codec::decode(codec::Format::binary, codec::type_info<V>(), {}, value_bytes, &value));
}

/// Calls `visit` with decoded entries. Objects are reused from one entry to the next.
template <class K, class V>
[[nodiscard]] auto decoding(FunctionRef<bool(const K&, const V&)> visit) {
  return [visit, key = K{}, value = V{}](std::string_view key_bytes,
                                         std::string_view value_bytes) mutable {
    decode_entry(key_bytes, value_bytes, key, value);
    return visit(key, value);
  };
}

}  // namespace detail

/// Names a store of a topology, with its types. Made by TopologyBuilder::store.
template <class K, class V>
struct StoreRef {
  StoreId id = no_store;
  BuilderId builder = no_builder;  ///< that made it
};

/// A typed face of a task's ByteStore. Cheap; lives as long as the task. One thread.
template <class K, class V>
class Store {
 public:
  explicit Store(ByteStore& bytes) : bytes_(&bytes) {}

  [[nodiscard]] std::optional<V> get(const K& key) const {
    std::optional<V> value;
    if (const auto bytes = bytes_->get(detail::encoded_key(key))) {
      detail::check_stored(codec::decode(codec::Format::binary, codec::type_info<V>(), {}, *bytes,
                                         &value.emplace()));
    }
    return value;
  }
  void put(const K& key, const V& value) {
    std::string& value_bytes = detail::value_scratch();
    codec::encode(codec::Format::binary, codec::type_info<V>(), &value, value_bytes);
    bytes_->put(detail::encoded_key(key), value_bytes);
  }
  void erase(const K& key) { bytes_->erase(detail::encoded_key(key)); }
  /// Visits keys in [from, to) in order until `visit(key, value)` returns false. It may put, erase.
  void range(const K& from, const K& to, FunctionRef<bool(const K&, const V&)> visit) const {
    // Copies: the visitor may ask stores, which use the same scratch.
    const std::string first(detail::encoded_key(from));
    const std::string last(detail::encoded_key(to));
    bytes_->range(first, last, detail::decoding<K, V>(visit));
  }
  void all(FunctionRef<bool(const K&, const V&)> visit) const {
    bytes_->range({}, {}, detail::decoding<K, V>(visit));
  }

 private:
  ByteStore* bytes_;
};

}  // namespace millrace::stream
