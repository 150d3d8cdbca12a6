// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::cli {

inline constexpr std::string_view dead_letters_suffix = ".dead-letters";
inline constexpr std::string_view retry_suffix = ".retry";
/// Of the private topics that say where ranges of inputs end.
inline constexpr std::string_view ranges_suffix = ".system.ranges";
/// Of the group that keeps which replays for no part were reported.
inline constexpr std::string_view unowned_suffix = "/retry/unowned";

[[nodiscard]] bool is_dead_letters(std::string_view topic);
/// Topics that services keep for themselves.
[[nodiscard]] bool is_private(const log::Topic& topic);

/// The topic, also an internal one (`__catalog`). log::errc::unknown_topic suggests what may have
/// been meant.
[[nodiscard]] Result<log::Topic> find_topic(log::Log& log, std::string_view name);
/// `there is no <what> 'name'`, with the candidate that may have been meant or, when there are few,
/// all of them.
[[nodiscard]] std::string unknown_name(std::string_view what, std::string_view name,
                                       const std::vector<std::string>& candidates);
/// Whether the log knows in which order commits over all its partitions were made; not on Kafka.
[[nodiscard]] bool has_commit_order(log::Log& log);
/// All topics by name; the log's internal ones (`__...`) on demand.
[[nodiscard]] Result<std::vector<log::Topic>> sorted_topics(log::Log& log, bool with_internal);

}  // namespace millrace::cli
