// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/function_ref.hpp"
#include "millrace/stream/byte_store.hpp"

namespace millrace::stream {

/// One task's part of a key-value store over bytes, as its nodes use it. Writes go to an overlay
/// that the task applies when its commit succeeds or drops when it is refused. The task's thread
/// reads through the overlay; queries from other threads see committed values only. MemoryStore has
/// both in memory, in one table; OverlayStore has the overlay above a ByteStore.
class StagedStore {
 public:
  StagedStore() = default;
  virtual ~StagedStore() = default;
  StagedStore(const StagedStore&) = delete;
  StagedStore& operator=(const StagedStore&) = delete;

  // The task's thread.

  /// A value and its event time, no_entry_time when it has none.
  struct Timed {
    std::string_view value;
    std::int64_t time_ms;
  };

  /// The current value, overlay first. Valid until the next call of this function or get_timed(),
  /// and the next change of that key.
  [[nodiscard]] virtual std::optional<std::string_view> get(std::string_view key) const = 0;
  /// As get(), with the event time.
  [[nodiscard]] virtual std::optional<Timed> get_timed(std::string_view key) const = 0;
  /// `time_ms` is the event time of the entry, which the record in its changelog gets.
  virtual void put(std::string_view key, std::string_view value,
                   std::int64_t time_ms = no_entry_time) = 0;
  virtual void erase(std::string_view key) = 0;
  /// From now on put() and erase() throw std::logic_error while `allowed`, which outlives the
  /// store, is false.
  void change_only_while(const bool& allowed) { changes_allowed_ = &allowed; }
  /// The last key in byte order, overlay included; no value in an empty store.
  [[nodiscard]] virtual std::optional<std::string> last_key() const = 0;
  /// Visits keys in [from, to) in byte order, overlay included, until `visit` returns false. An
  /// empty `to` means no upper end. `visit` may change the store: it sees later keys as they are.
  virtual void range(std::string_view from, std::string_view to,
                     FunctionRef<bool(std::string_view, std::string_view)> visit) const = 0;

  /// A key, its new value or no value when it was erased, and its event time.
  using ChangeVisitor = FunctionRef<void(
      std::string_view key, std::optional<std::string_view> value, std::int64_t time_ms)>;
  /// Visits each key changed since the last apply or drop, once; in byte order, so that the
  /// changelog is a pure function.
  virtual void changes(ChangeVisitor visit) const = 0;
  [[nodiscard]] virtual bool dirty() const = 0;
  /// What the changed keys and values take in a changelog, at most.
  [[nodiscard]] virtual std::size_t changed_bytes() const = 0;
  /// What is changed from here on can be taken back by rollback(). Replaces an earlier savepoint;
  /// apply(), drop() and clear() end it.
  virtual void savepoint() = 0;
  /// Takes back what changed since the savepoint, which stays.
  virtual void rollback() = 0;
  /// No change since the savepoint takes more in a changelog than that. Takes no time.
  [[nodiscard]] virtual std::size_t largest_change_bytes() const = 0;
  /// As changes(), of what changed since the savepoint, in no order.
  virtual void changes_since_savepoint(
      FunctionRef<void(std::string_view, std::optional<std::string_view>)> visit) const = 0;
  /// The commit succeeded: the overlay becomes the content.
  virtual void apply() = 0;
  /// The commit was refused: the overlay is forgotten.
  virtual void drop() = 0;
  /// Writes past the overlay, for restoring.
  virtual void restore(std::string_view key, std::optional<std::string_view> value,
                       std::int64_t time_ms = no_entry_time) = 0;
  virtual void clear() = 0;

  // Any thread: committed content.

  [[nodiscard]] virtual std::optional<std::string> read(std::string_view key) const = 0;
  /// As range(), over committed content, under a shared lock: keep the visit short.
  virtual void read_range(std::string_view from, std::string_view to,
                          FunctionRef<bool(std::string_view, std::string_view)> visit) const = 0;
  /// All of it, in byte order, with the times of the entries; as read_range().
  virtual void read_all(
      FunctionRef<void(std::string_view key, std::string_view value, std::int64_t time_ms)> visit)
      const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Bytes of keys and values held.
  [[nodiscard]] virtual std::size_t bytes() const = 0;

 protected:
  /// For put() and erase().
  void check_allowed() const;

 private:
  const bool* changes_allowed_ = nullptr;  // null: always
};

}  // namespace millrace::stream
