// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/store_bytes.hpp"

namespace millrace::stream {

namespace detail {

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
[[nodiscard]] auto decoding(const std::function<bool(const K&, const V&)>& visit) {
  return [&visit, key = K{}, value = V{}](std::string_view key_bytes,
                                          std::string_view value_bytes) mutable {
    decode_entry(key_bytes, value_bytes, key, value);
    return visit(key, value);
  };
}

}  // namespace detail

template <class K, class V>
std::optional<V> Store<K, V>::get(const K& key) const {
  std::optional<V> value;
  if (const auto bytes = bytes_->get(detail::encoded_key(key))) {
    detail::check_stored(
        codec::decode(codec::Format::binary, codec::type_info<V>(), {}, *bytes, &value.emplace()));
  }
  return value;
}

template <class K, class V>
void Store<K, V>::put(const K& key, const V& value) {
  std::string& value_bytes = detail::value_scratch();
  codec::encode(codec::Format::binary, codec::type_info<V>(), &value, value_bytes);
  bytes_->put(detail::encoded_key(key), value_bytes);
}

template <class K, class V>
void Store<K, V>::erase(const K& key) {
  bytes_->erase(detail::encoded_key(key));
}

template <class K, class V>
void Store<K, V>::range(const K& from, const K& to,
                        const std::function<bool(const K&, const V&)>& visit) const {
  // Copies: the visitor may ask stores, which use the same scratch.
  const std::string first(detail::encoded_key(from));
  const std::string last(detail::encoded_key(to));
  bytes_->range(first, last, detail::decoding<K, V>(visit));
}

template <class K, class V>
void Store<K, V>::all(const std::function<bool(const K&, const V&)>& visit) const {
  bytes_->range({}, {}, detail::decoding<K, V>(visit));
}

}  // namespace millrace::stream
