// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/function_ref.hpp"
#include "millrace/log/types.hpp"

namespace millrace::stream {

/// The time of an entry that was put without an event time.
inline constexpr std::int64_t no_entry_time = std::numeric_limits<std::int64_t>::min();

/// Holds the committed entries of one store of a task, ordered by the bytes of their keys. Stores
/// are in memory unless TopologyBuilder::keep() gives another implementation;
/// testkit::check_byte_store() tests the contract. Changes of a task reach it only after their
/// commit succeeded, so an implementation needs no transactions.
///
/// It begins empty and is filled from the snapshot and the changelog of the task. Any thread may
/// call the functions that read, even while the thread of the task writes; they must see each
/// write() as a whole or not at all. Only the thread of the task calls write() and clear(). If a
/// function that reads throws an exception, the handler that called it has failed. write() and
/// clear() must not fail.
class ByteStore {
 public:
  struct Entry {
    std::string value;
    std::int64_t time_ms = no_entry_time;  ///< event time
  };
  struct Change {
    std::string_view key;
    std::optional<std::string_view> value;  ///< no value: the key is erased, if it exists
    std::int64_t time_ms = no_entry_time;
  };
  using Visitor =
      FunctionRef<bool(std::string_view key, std::string_view value, std::int64_t time_ms)>;

  ByteStore() = default;
  virtual ~ByteStore() = default;
  ByteStore(const ByteStore&) = delete;
  ByteStore& operator=(const ByteStore&) = delete;

  [[nodiscard]] virtual std::optional<Entry> get(std::string_view key) const = 0;
  /// Visits keys in [from, to) in byte order until `visit` returns false; an empty `to` means no
  /// upper end. `visit` may read this store, in the same thread.
  virtual void range(std::string_view from, std::string_view to, Visitor visit) const = 0;
  /// The last key; with `before`, the last key before it.
  [[nodiscard]] virtual std::optional<std::string> last_key(
      std::optional<std::string_view> before) const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// The size of all keys and values.
  [[nodiscard]] virtual std::size_t bytes() const = 0;

  /// Each key occurs once. The data of the changes is valid during the call.
  virtual void write(std::span<const Change> changes) = 0;
  virtual void clear() = 0;
};

/// The store and the task of a ByteStore. The views are valid during the call.
struct ByteStoreUse {
  std::string_view service;
  std::string_view store;
  log::PartitionId partition;  ///< the number of the task
};
/// A function that creates the ByteStore of one task. Called in any thread that runs tasks. It must
/// not return null.
using ByteStoreSupplier = std::function<std::unique_ptr<ByteStore>(const ByteStoreUse& use)>;

}  // namespace millrace::stream
