// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace {

/// How much a report of the library, or a line of a program's own log, matters. `off` is for
/// configuration only.
enum class Level : unsigned char { debug, info, warn, error, off };

/// `debug`, `info`, `warn`, `error`, `off`.
[[nodiscard]] constexpr std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
    case Level::off:
      return "off";
  }
  return "off";
}

}  // namespace millrace
