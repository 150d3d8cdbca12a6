// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::stream {
class Instance;
template <class T>
struct Answer;
}  // namespace millrace::stream

namespace millrace::stream::detail {

using Entries = Answer<std::vector<std::pair<std::string, std::string>>>;

// Instance::read and Instance::read_range, for views that know the Instance by name only.
[[nodiscard]] Result<Answer<std::optional<std::string>>> read(const Instance& instance,
                                                              std::string_view store,
                                                              std::string_view key);
[[nodiscard]] Result<Entries> read_range(const Instance& instance, std::string_view store,
                                         std::string_view from, std::string_view to,
                                         std::size_t limit);

}  // namespace millrace::stream::detail
