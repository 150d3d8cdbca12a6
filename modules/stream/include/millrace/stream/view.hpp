// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/serde.hpp"
#include "millrace/log/types.hpp"

namespace millrace::stream {

class Instance;

/// The result of a query, and the log position of the last commit that it shows. Wait until this
/// position is durable before you send the result out of the system.
template <class T>
struct Answer {
  T value;
  log::LogPosition position;
  /// The partitions of the store that are missing in the result, in order: their tasks run in other
  /// instances, or are not restored yet. Empty for a query of one key, which fails instead.
  std::vector<std::int32_t> missing_partitions = {};

  /// True if no partition is missing. Entries beyond the limit of a range do not count as missing.
  [[nodiscard]] bool has_all_partitions() const { return missing_partitions.empty(); }
};

namespace detail {

using Entries = Answer<std::vector<std::pair<std::string, std::string>>>;

// Instance::read and Instance::read_range, for views that know the Instance by name only.
[[nodiscard]] Result<Answer<std::optional<std::string>>> read(const Instance& instance,
                                                              std::string_view store,
                                                              std::string_view key);
[[nodiscard]] Result<Entries> read_range(const Instance& instance, std::string_view store,
                                         std::string_view from, std::string_view to,
                                         std::size_t limit);

/// The serde of the values of this store; binary when the service has no such store.
[[nodiscard]] codec::SerdePtr store_serde(const Instance& instance, std::string_view store);

template <class K, class V>
[[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> decode_entries(
    Result<Entries> found, const codec::Serde& serde) {
  if (!found) return fail(std::move(found).error());
  Answer<std::vector<std::pair<K, V>>> answer{
      {}, found->position, std::move(found->missing_partitions)};
  answer.value.reserve(found->value.size());
  for (const auto& [key_bytes, value_bytes] : found->value) {
    auto& [key, value] = answer.value.emplace_back();
    MILLRACE_TRY(codec::decode_key(codec::type_info<K>(), key_bytes, &key));
    MILLRACE_TRY(codec::decode_with(serde, codec::type_info<V>(), {}, value_bytes, &value));
  }
  return answer;
}

}  // namespace detail

/// A typed view of a store for reading, over all tasks that this instance runs. Instance::view()
/// creates it. Thread-safe. The Instance must outlive it. get() fails with errc::not_ready while
/// the key may be in a task that is being restored or that another instance runs.
template <class K, class V>
class View {
 public:
  View(const Instance& instance, std::string store)
      : instance_(&instance),
        store_(std::move(store)),
        serde_(detail::store_serde(instance, store_)) {}

  [[nodiscard]] Result<Answer<std::optional<V>>> get(const K& key) const {
    MILLRACE_ASSIGN(auto found, detail::read(*instance_, store_, encoded(key)));
    Answer<std::optional<V>> answer{std::nullopt, found.position};
    if (found.value) {
      MILLRACE_TRY(codec::decode_with(*serde_, codec::type_info<V>(), {}, *found.value,
                                      &answer.value.emplace()));
    }
    return answer;
  }
  /// At most `limit` entries with keys in [from, to), in order, from the tasks that this instance
  /// runs. The result lists the missing partitions. errc::not_ready when all partitions are
  /// missing.
  [[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> range(const K& from, const K& to,
                                                                   std::size_t limit) const {
    return detail::decode_entries<K, V>(
        detail::read_range(*instance_, store_, encoded(from), encoded(to), limit), *serde_);
  }
  /// The same for all keys.
  [[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> all(std::size_t limit) const {
    return detail::decode_entries<K, V>(detail::read_range(*instance_, store_, {}, {}, limit),
                                        *serde_);
  }

 private:
  [[nodiscard]] static std::string encoded(const K& key) {
    std::string bytes;
    codec::encode_key(codec::type_info<K>(), &key, bytes);
    return bytes;
  }

  const Instance* instance_;
  std::string store_;
  codec::SerdePtr serde_;  // of the values
};

namespace errc {
/// Another instance runs the task of the key, or the task is not restored yet. Remedy: repeat the
/// query later, or query the instance that runs the task.
inline constexpr ErrorCode not_ready{"stream.not_ready"};
/// The service has no store of that name. Remedy: use one of the names that the message lists.
inline constexpr ErrorCode unknown_store{"stream.unknown_store"};
/// A program asked for a view with other types than the store has. Remedy: use the types that the
/// message names.
inline constexpr ErrorCode view_mismatch{"stream.view_mismatch"};
}  // namespace errc

}  // namespace millrace::stream
