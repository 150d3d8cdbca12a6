// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "story.hpp"

namespace millrace::cli {

/// The story as a tree by cause, one line a record, with its number in commit order, type, service,
/// place and time; headed by a summary.
[[nodiscard]] std::string story_tree(const Story& story, std::string_view id);

/// One JSON object: `id`, `correlations`, and `records` in commit order, each with `parent`, the
/// number of the record that led to it (null: none), and `depth` in the tree.
[[nodiscard]] std::string story_json(const Story& story, std::string_view id);

}  // namespace millrace::cli
