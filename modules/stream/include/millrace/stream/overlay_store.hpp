// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/stream/byte_store.hpp"
#include "millrace/stream/staged_store.hpp"

namespace millrace::stream {

/// The store of a task whose committed entries are in a ByteStore: the overlay above it is in
/// memory.
class OverlayStore final : public StagedStore {
 public:
  explicit OverlayStore(std::unique_ptr<ByteStore> content) : content_(std::move(content)) {}

  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const override;
  [[nodiscard]] std::optional<Timed> get_timed(std::string_view key) const override;
  void put(std::string_view key, std::string_view value, std::int64_t time_ms) override;
  void erase(std::string_view key) override;
  [[nodiscard]] std::optional<std::string> last_key() const override;
  void range(std::string_view from, std::string_view to,
             FunctionRef<bool(std::string_view, std::string_view)> visit) const override;
  void changes(ChangeVisitor visit) const override;
  [[nodiscard]] bool dirty() const override;
  [[nodiscard]] std::size_t changed_bytes() const override;
  void savepoint() override;
  void rollback() override;
  [[nodiscard]] std::size_t largest_change_bytes() const override;
  void changes_since_savepoint(
      FunctionRef<void(std::string_view, std::optional<std::string_view>)> visit) const override;
  void apply() override;
  void drop() override;
  void restore(std::string_view key, std::optional<std::string_view> value,
               std::int64_t time_ms) override;
  void clear() override;
  [[nodiscard]] std::optional<std::string> read(std::string_view key) const override;
  void read_range(std::string_view from, std::string_view to,
                  FunctionRef<bool(std::string_view, std::string_view)> visit) const override;
  void read_all(
      FunctionRef<void(std::string_view, std::string_view, std::int64_t)> visit) const override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] std::size_t bytes() const override;

 private:
  struct Pending {
    std::optional<std::string> value;  // none: erased
    std::int64_t time_ms = no_entry_time;
    bool is_tombstone = false;  // erased, and the content has the key
  };
  using Overlay = std::map<std::string, Pending, std::less<>>;

  [[nodiscard]] static std::size_t bytes_of(const std::string& key, const Pending& pending);
  // The entry of a key, whose bytes are taken from changed_bytes_ until changed() adds them again.
  Overlay::iterator begin_change(std::string_view key);
  void changed(Overlay::iterator entry);
  void forget_overlay();

  std::unique_ptr<ByteStore> content_;
  Overlay overlay_;
  std::size_t changed_bytes_ = 0;
  // How the keys changed since the savepoint were in the overlay; none: not there.
  std::map<std::string, std::optional<Pending>, std::less<>> undo_;
  bool has_savepoint_ = false;
  std::size_t changed_bytes_at_savepoint_ = 0;
  std::size_t largest_change_bytes_ = 0;
  mutable std::optional<ByteStore::Entry> read_;  // what get_timed() found last in the content
};

}  // namespace millrace::stream
