// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/function_ref.hpp"

namespace millrace::stream {

/// Of an entry that was put without an event time.
inline constexpr std::int64_t no_entry_time = std::numeric_limits<std::int64_t>::min();

/// One task's part of a key-value store over bytes, in memory. Writes go to an overlay that the
/// task applies when its commit succeeds or drops when it is refused. The task's thread reads
/// through the overlay; queries from other threads see committed values only.
class ByteStore {
 public:
  ByteStore();
  ~ByteStore();
  ByteStore(const ByteStore&) = delete;
  ByteStore& operator=(const ByteStore&) = delete;

  // The task's thread.

  /// A value and its event time, no_entry_time when it has none.
  struct Timed {
    std::string_view value;
    std::int64_t time_ms;
  };

  /// The current value, overlay first. Valid until the next change of that key.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const;
  /// As get(), with the event time.
  [[nodiscard]] std::optional<Timed> get_timed(std::string_view key) const;
  /// `time_ms` is the event time of the entry, which the record in its changelog gets.
  void put(std::string_view key, std::string_view value, std::int64_t time_ms = no_entry_time);
  void erase(std::string_view key);
  /// From now on put() and erase() throw std::logic_error while `allowed`, which outlives the
  /// store, is false.
  void change_only_while(const bool& allowed);
  /// The last key in byte order, overlay included; no value in an empty store.
  [[nodiscard]] std::optional<std::string> last_key() const;
  /// Visits keys in [from, to) in byte order, overlay included, until `visit` returns false. An
  /// empty `to` means no upper end. `visit` may change the store: it sees later keys as they are.
  void range(std::string_view from, std::string_view to,
             FunctionRef<bool(std::string_view, std::string_view)> visit) const;

  /// A key, its new value or no value when it was erased, and its event time.
  using ChangeVisitor = FunctionRef<void(
      std::string_view key, std::optional<std::string_view> value, std::int64_t time_ms)>;
  /// Visits each key changed since the last apply or drop, once; in byte order, so that the
  /// changelog is a pure function.
  void changes(ChangeVisitor visit) const;
  [[nodiscard]] bool dirty() const;
  /// What the changed keys and values take in a changelog, at most.
  [[nodiscard]] std::size_t changed_bytes() const;
  /// What is changed from here on can be taken back by rollback(). Replaces an earlier savepoint;
  /// apply(), drop() and clear() end it.
  void savepoint();
  /// Takes back what changed since the savepoint, which stays.
  void rollback();
  /// No change since the savepoint takes more in a changelog than that. Takes no time.
  [[nodiscard]] std::size_t largest_change_bytes() const;
  /// As changes(), of what changed since the savepoint, in no order.
  void changes_since_savepoint(
      FunctionRef<void(std::string_view, std::optional<std::string_view>)> visit) const;
  /// The commit succeeded: the overlay becomes the content.
  void apply();
  /// The commit was refused: the overlay is forgotten.
  void drop();
  /// Writes past the overlay, for restoring.
  void restore(std::string_view key, std::optional<std::string_view> value,
               std::int64_t time_ms = no_entry_time);
  void clear();

  // Any thread: committed content.

  [[nodiscard]] std::optional<std::string> read(std::string_view key) const;
  /// As range(), over committed content, under a shared lock: keep the visit short.
  void read_range(std::string_view from, std::string_view to,
                  FunctionRef<bool(std::string_view, std::string_view)> visit) const;
  /// All of it, in byte order, with the times of the entries; as read_range().
  void read_all(
      FunctionRef<void(std::string_view key, std::string_view value, std::int64_t time_ms)> visit)
      const;
  [[nodiscard]] std::size_t size() const;
  /// Bytes of keys and values held.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::stream
