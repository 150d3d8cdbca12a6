// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/types.hpp"

namespace millrace::stream {

class Instance;

/// An answer of a view and the commit of the service that it reflects: wait until that is durable
/// before it leaves the system.
template <class T>
struct Answer {
  T value;
  log::LogPosition position;
};

/// A read-only typed face of a store, over all tasks that this instance runs. Thread-safe. Lives at
/// most as long as the Instance. errc::not_ready while the task of the key is being restored or
/// belongs to another instance.
template <class K, class V>
class View {
 public:
  View(const Instance& instance, std::string store)
      : instance_(&instance), store_(std::move(store)) {}
  [[nodiscard]] Result<Answer<std::optional<V>>> get(const K& key) const;
  /// Up to `limit` entries with keys in [from, to), in order.
  [[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> range(const K& from, const K& to,
                                                                   std::size_t limit) const;
  [[nodiscard]] Result<Answer<std::vector<std::pair<K, V>>>> all(std::size_t limit) const;

 private:
  const Instance* instance_;
  std::string store_;
};

namespace errc {
/// The task of the store is not on this instance, or not restored yet. Remedy: ask again later, or
/// ask the owner.
inline constexpr ErrorCode not_ready{"stream.not_ready"};
/// The service has no store of that name. Remedy: use one of the names that the message lists.
inline constexpr ErrorCode unknown_store{"stream.unknown_store"};
}  // namespace errc

}  // namespace millrace::stream

#include "millrace/stream/detail/view.ipp"
