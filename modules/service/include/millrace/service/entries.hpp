// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::service {

/// The partitions of a store, as one instance of the service sees them.
struct StorePartitions {
  std::int32_t count = 0;       ///< of all instances together; 0: its inputs are not there yet
  std::set<std::int32_t> here;  ///< restored in this instance

  /// Whether the entry of a key, as it is in the inputs of the store, would be in this instance.
  /// The partition is that of the key by Kafka's default partitioner, as for all records whose
  /// writer did not choose another one.
  [[nodiscard]] bool has(std::string_view key) const;
};

/// The partitions that an answer leaves out (stream::Answer::missing_partitions), such as `1, 3`.
[[nodiscard]] std::string partition_list(std::span<const std::int32_t> partitions);

/// Cheap enough for each answer that has to know. Thread-safe. Failures of Log::find_topic;
/// stream::errc::unknown_store.
[[nodiscard]] Result<StorePartitions> store_partitions(const stream::Instance& instance,
                                                       log::Log& log, std::string_view store);

/// The value of an encoded key, or no value when the key's partition is here and has none.
/// errc::not_owner when the partition is not here; failures of store_partitions(). Thread-safe.
[[nodiscard]] Result<stream::Answer<std::optional<std::string>>> find_entry(
    const stream::Instance& instance, log::Log& log, std::string_view store, std::string_view key);

/// Where the entry of a key is, here or in another instance.
struct EntryPartition {
  std::string part;  ///< the name of the sub-topology
  std::int32_t partition = 0;
};
/// Failures of store_partitions(); errc::not_owner when the inputs of the store are not there yet.
/// Thread-safe.
[[nodiscard]] Result<EntryPartition> partition_of_entry(const stream::Instance& instance,
                                                        log::Log& log, std::string_view store,
                                                        std::string_view key);

/// Reads a value of the store, as find_entry() returns it, into an object of its type. Failures of
/// the store's serde; stream::errc::unknown_store. Thread-safe.
[[nodiscard]] Status read_entry(const stream::Instance& instance, std::string_view store,
                                const codec::TypeInfo& type, std::string_view bytes, void* out);

/// The same as find_entry() of bytes, with the types of the store.
template <class K, class V>
[[nodiscard]] Result<stream::Answer<std::optional<V>>> find_entry(const stream::Instance& instance,
                                                                  log::Log& log,
                                                                  std::string_view store,
                                                                  const K& key) {
  std::string key_bytes;
  codec::encode_key(codec::type_info<K>(), &key, key_bytes);
  MILLRACE_ASSIGN(const auto found, find_entry(instance, log, store, std::string_view(key_bytes)));
  stream::Answer<std::optional<V>> answer{std::nullopt, found.position};
  if (found.value) {
    MILLRACE_TRY(
        read_entry(instance, store, codec::type_info<V>(), *found.value, &answer.value.emplace()));
  }
  return answer;
}

namespace errc {
/// Another instance of the service has the partition of the key, or its task is being restored
/// here, and the query could not be sent there: that instance is not known or does not respond.
/// Remedy: ask again after a moment; `millrace services` shows which instance has which partition.
inline constexpr ErrorCode not_owner{"service.not_owner"};
}  // namespace errc

}  // namespace millrace::service
