// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/commit_order.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/service_topics.hpp"

namespace millrace::cli {

/// Of the group that keeps which replays for no part were reported.
inline constexpr std::string_view unowned_suffix = "/retry/unowned";

/// Topics that services keep for themselves.
[[nodiscard]] bool is_private(const log::Topic& topic);

/// The topic, also an internal one (`__catalog`). log::errc::unknown_topic suggests what may have
/// been meant.
[[nodiscard]] Result<log::Topic> find_topic(log::Log& log, std::string_view name);
/// All topics by name; the log's internal ones (`__...`) on demand.
[[nodiscard]] Result<std::vector<log::Topic>> sorted_topics(log::Log& log, bool with_internal);

}  // namespace millrace::cli
