// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/stream/staged_store.hpp"

namespace millrace::stream {

/// The store of a task in memory: content and overlay are one table, so that a key that is
/// overwritten again and again swaps two buffers and allocates nothing.
class MemoryStore final : public StagedStore {
 public:
  MemoryStore();
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

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
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::stream
