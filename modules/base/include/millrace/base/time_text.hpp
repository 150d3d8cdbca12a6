// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace {

/// Converts milliseconds since 1970 to RFC 3339 in UTC with milliseconds:
/// `2010-12-01T08:26:00.000Z`.
[[nodiscard]] std::string format_time(std::int64_t ms);
/// Appends the same 24 characters (without allocation when `out` has room).
void append_time(std::string& out, std::int64_t ms);
/// Writes the same 24 characters at `out`.
void write_time(char* out, std::int64_t ms);
/// Reads RFC 3339 with an optional fraction and `Z` or an offset. errc::invalid_argument otherwise.
[[nodiscard]] Result<std::int64_t> parse_time(std::string_view text);

}  // namespace millrace
