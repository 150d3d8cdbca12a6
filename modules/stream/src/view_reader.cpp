// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/detail/view_reader.hpp"

#include "millrace/stream/instance.hpp"

namespace millrace::stream::detail {

Result<Answer<std::optional<std::string>>> read(const Instance& instance, std::string_view store,
                                                std::string_view key) {
  return instance.read(store, key);
}

Result<Entries> read_range(const Instance& instance, std::string_view store, std::string_view from,
                           std::string_view to, std::size_t limit) {
  return instance.read_range(store, from, to, limit);
}

}  // namespace millrace::stream::detail
