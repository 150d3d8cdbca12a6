// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/stream/view.hpp"
#include "runtime/tasks.hpp"

namespace millrace::stream::runtime {

/// The bytes of views: committed content of the stores of all local tasks. Any thread.
class Queries {
 public:
  /// Both outlive it.
  Queries(const Plan& topology, const Tasks& tasks) : topology_(&topology), tasks_(&tasks) {}

  /// That the store is there and has these types. errc::unknown_store, view_mismatch.
  [[nodiscard]] Status check_types(std::string_view store, const codec::TypeInfo& key,
                                   const codec::TypeInfo& value) const;
  /// errc::unknown_store unless the builder of the topology made that store.
  [[nodiscard]] Result<std::string> name_of(StoreId store, BuilderId builder) const;
  /// As Instance::read. errc::unknown_store, not_ready.
  [[nodiscard]] Result<Answer<std::optional<std::string>>> read(std::string_view store,
                                                                std::string_view key) const;
  /// As Instance::read_range. errc::unknown_store, not_ready.
  [[nodiscard]] Result<Answer<std::vector<std::pair<std::string, std::string>>>> read_range(
      std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const;

 private:
  [[nodiscard]] const StoreSpec* find_store(std::string_view name) const;
  [[nodiscard]] Error unknown_store(std::string_view name) const;
  [[nodiscard]] std::string known_stores() const;

  const Plan* topology_;
  const Tasks* tasks_;
};

}  // namespace millrace::stream::runtime
