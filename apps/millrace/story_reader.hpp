// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "story.hpp"

namespace millrace::cli {

/// Collects all records of the business process that `id` names: a correlation id, else the id of
/// an event, else the key of public records (an order id). Reads all topics once, at most twice,
/// and looks at headers and keys alone. Private records can be left out. errc::not_found;
/// errc::invalid_argument when a key belongs to many processes, naming some.
[[nodiscard]] Result<std::vector<StoryRecord>> collect_story(log::Log& log, std::string_view id,
                                                             bool with_private);

}  // namespace millrace::cli
