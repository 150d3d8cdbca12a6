// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

/// Whether the bytes are UTF-8 without control characters (line ends and tabs allowed): safe to
/// show on a terminal.
[[nodiscard]] bool is_plain_text(std::string_view bytes);
/// The text as it is; what a terminal must not get (control characters, broken UTF-8) and
/// backslashes as `\n`, `\\` or `\x1f`.
[[nodiscard]] std::string escaped(std::string_view bytes);
/// Two lower-case digits for each byte.
[[nodiscard]] std::string hex(std::string_view bytes);
/// 16 digits.
[[nodiscard]] std::string hex_number(std::uint64_t number);
/// Columns that UTF-8 text takes, one for each code point.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// A whole number, all of the text.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// A record within its topic, written `PARTITION:OFFSET`.
struct Place {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};
[[nodiscard]] std::optional<Place> parse_place(std::string_view text);
/// `topic-partition:offset`.
[[nodiscard]] std::string place_text(std::string_view topic, std::int32_t partition,
                                     std::int64_t offset);

/// The candidate that `name` may have been meant to be: the nearest by edits, if it is near.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& candidates);

/// `1 record`, `3 records`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

}  // namespace millrace::cli
