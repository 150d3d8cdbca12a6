// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/view_reader.hpp"

namespace millrace::stream {

template <class K, class V>
Result<Answer<std::optional<V>>> View<K, V>::get(const K& key) const {
  std::string key_bytes;
  codec::encode_key(codec::type_info<K>(), &key, key_bytes);
  MILLRACE_ASSIGN(auto found, detail::read(*instance_, store_, key_bytes));
  Answer<std::optional<V>> answer{std::nullopt, found.position};
  if (found.value) {
    MILLRACE_TRY(codec::decode(codec::Format::binary, codec::type_info<V>(), {}, *found.value,
                               &answer.value.emplace()));
  }
  return answer;
}

namespace detail {

template <class K, class V>
[[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> decode_entries(Result<Entries> found) {
  if (!found) return fail(std::move(found).error());
  Answer<std::vector<std::pair<K, V>>> answer{{}, found->position};
  answer.value.reserve(found->value.size());
  for (const auto& [key_bytes, value_bytes] : found->value) {
    auto& [key, value] = answer.value.emplace_back();
    MILLRACE_TRY(codec::decode_key(codec::type_info<K>(), key_bytes, &key));
    MILLRACE_TRY(
        codec::decode(codec::Format::binary, codec::type_info<V>(), {}, value_bytes, &value));
  }
  return answer;
}

}  // namespace detail

template <class K, class V>
Result<Answer<std::vector<std::pair<K, V>>>> View<K, V>::range(const K& from, const K& to,
                                                               std::size_t limit) const {
  std::string first;
  std::string last;
  codec::encode_key(codec::type_info<K>(), &from, first);
  codec::encode_key(codec::type_info<K>(), &to, last);
  return detail::decode_entries<K, V>(detail::read_range(*instance_, store_, first, last, limit));
}

template <class K, class V>
Result<Answer<std::vector<std::pair<K, V>>>> View<K, V>::all(std::size_t limit) const {
  return detail::decode_entries<K, V>(detail::read_range(*instance_, store_, {}, {}, limit));
}

}  // namespace millrace::stream
