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
#include "millrace/codec/serde.hpp"
#include "millrace/stream/detail/borrowed.hpp"
#include "millrace/stream/node.hpp"
#include "millrace/stream/staged_store.hpp"

namespace millrace::stream {

/// Thrown when the types of this build cannot read a value in a store, for example because a field
/// became required. The policy for processing errors decides about the current record.
class StoredFormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Throws a StoredFormatError if the status is an error.
void check_stored(const Status& decoded);

/// Encodes a key as a store has it.
class KeyBytes {
 public:
  KeyBytes(const codec::TypeInfo& type, const void* key) {
    bytes_->clear();
    codec::encode_key(type, key, *bytes_);
  }
  [[nodiscard]] std::string_view view() const { return *bytes_; }

 private:
  Borrowed<std::string> bytes_;
};
template <class T>
[[nodiscard]] KeyBytes encoded_key(const T& key) {
  return {codec::type_info<T>(), &key};
}

/// Reads a value of a store; throws as check_stored().
void read_stored(const codec::Serde& serde, const codec::TypeInfo& type, std::string_view bytes,
                 void* out);

template <class K, class V>
void decode_entry(const codec::Serde& serde, std::string_view key_bytes,
                  std::string_view value_bytes, K& key, V& value) {
  check_stored(codec::decode_key(codec::type_info<K>(), key_bytes, &key));
  read_stored(serde, codec::type_info<V>(), value_bytes, &value);
}

/// Calls `visit` with decoded entries. Objects are reused from one entry to the next.
template <class K, class V>
[[nodiscard]] auto decoding(const codec::Serde& serde,
                            FunctionRef<bool(const K&, const V&)> visit) {
  return [&serde, visit, key = K{}, value = V{}](std::string_view key_bytes,
                                                 std::string_view value_bytes) mutable {
    decode_entry(serde, key_bytes, value_bytes, key, value);
    return visit(key, value);
  };
}

}  // namespace detail

/// A reference to a store of a topology, with its types. TopologyBuilder::store() creates it.
template <class K, class V>
struct StoreRef {
  StoreId id = no_store;
  BuilderId builder = no_builder;  ///< the builder that created it
};

/// Typed access to the StagedStore of a task. Cheap to copy; valid as long as the task. Only for
/// the thread of the task.
template <class K, class V>
class Store {
 public:
  /// `serde` is for the values.
  Store(StagedStore& bytes, const codec::Serde& serde) : bytes_(&bytes), serde_(&serde) {}

  [[nodiscard]] std::optional<V> get(const K& key) const {
    std::optional<V> value;
    if (const auto bytes = bytes_->get(detail::encoded_key(key).view()))
      detail::read_stored(*serde_, codec::type_info<V>(), *bytes, &value.emplace());
    return value;
  }
  void put(const K& key, const V& value) {
    const detail::Borrowed<std::string> value_bytes;
    value_bytes->clear();
    codec::encode_with(*serde_, codec::type_info<V>(), &value, *value_bytes);
    bytes_->put(detail::encoded_key(key).view(), *value_bytes);
  }
  void erase(const K& key) { bytes_->erase(detail::encoded_key(key).view()); }
  /// Visits keys in [from, to) in order until `visit(key, value)` returns false. `visit` may call
  /// put() and erase().
  void range(const K& from, const K& to, FunctionRef<bool(const K&, const V&)> visit) const {
    bytes_->range(detail::encoded_key(from).view(), detail::encoded_key(to).view(),
                  detail::decoding<K, V>(*serde_, visit));
  }
  void all(FunctionRef<bool(const K&, const V&)> visit) const {
    bytes_->range({}, {}, detail::decoding<K, V>(*serde_, visit));
  }

 private:
  StagedStore* bytes_;
  const codec::Serde* serde_;
};

}  // namespace millrace::stream
