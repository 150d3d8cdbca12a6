// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Parts of messages that people read. Any thread.
namespace millrace {

/// `1 record`, `3 records`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

/// The candidate that is most similar to `name` (by edit distance), if it is similar enough; for
/// messages about a wrong name.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& candidates);

/// The message `there is no <what> 'name'`, with the most similar candidate, or with all candidates
/// if there are few. The name is escaped for a terminal.
[[nodiscard]] std::string unknown_name(std::string_view what, std::string_view name,
                                       const std::vector<std::string>& candidates);

}  // namespace millrace
