// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "log_seen.hpp"
#include "millrace/base/error.hpp"

namespace retail {

/// How far the feed of a run got, as its file says.
struct FeedPosition {
  std::size_t answered = 0;  ///< the first so many requests, in order, were all answered
  /// The log that holds them. No value: the file is of a build that wrote the number alone.
  std::optional<LogSeen> seen = {};
};

/// No value when there is no file. errc::invalid_argument: it holds no position.
[[nodiscard]] millrace::Result<std::optional<FeedPosition>> read_feed_position(
    const std::string& path);
[[nodiscard]] millrace::Status write_feed_position(const std::string& path,
                                                   const FeedPosition& position);

}  // namespace retail
