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

/// Of an entry that was put without an event time.
inline constexpr std::int64_t no_entry_time = std::numeric_limits<std::int64_t>::min();

/// Where a task keeps the committed entries of one store, in the order of the bytes of their keys.
/// Stores are in memory unless TopologyBuilder::keep() names a supplier of another implementation;
/// testkit::check_byte_store() is the contract as a test. What a task writes stays above it until
/// its commit succeeds, so an implementation knows no transactions.
///
/// It begins empty, and is filled from the snapshot and the changelog of the task. Functions that
/// read are called by any thread, also while the task's thread writes, and see each write() as a
/// whole or not at all. write() and clear() are called by the task's thread alone. An exception of
/// a function that reads is a failure of the handler that asked. write() and clear() do not fail.
class ByteStore {
 public:
  struct Entry {
    std::string value;
    std::int64_t time_ms = no_entry_time;  ///< event time
  };
  struct Change {
    std::string_view key;
    std::optional<std::string_view> value;  ///< none: the key is erased, if it is there
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
  /// The last key, of those before `before` if that is given.
  [[nodiscard]] virtual std::optional<std::string> last_key(
      std::optional<std::string_view> before) const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Of keys and values.
  [[nodiscard]] virtual std::size_t bytes() const = 0;

  /// Each key is there once. What the changes point to lives for the call.
  virtual void write(std::span<const Change> changes) = 0;
  virtual void clear() = 0;
};

/// Which store of which task a ByteStore is for. The views live for the call.
struct ByteStoreUse {
  std::string_view service;
  std::string_view store;
  log::PartitionId partition;  ///< the number of the task
};
/// Makes the ByteStore of one task. Called by any thread that runs tasks; it does not return null.
using ByteStoreSupplier = std::function<std::unique_ptr<ByteStore>(const ByteStoreUse& use)>;

}  // namespace millrace::stream
