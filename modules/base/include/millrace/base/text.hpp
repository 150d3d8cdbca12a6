// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/byte_writer.hpp"

namespace millrace {

/// The value of a hexadecimal digit of either case, or -1.
[[nodiscard]] constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Writes the lowest `digits` hexadecimal digits of the number, lower case, and returns their end.
constexpr char* write_hex(char* out, std::uint64_t number, int digits) {
  for (int shift = 4 * digits; shift != 0;) {
    shift -= 4;
    *out++ = "0123456789abcdef"[(number >> static_cast<unsigned>(shift)) & 0xfU];
  }
  return out;
}
/// 16 digits.
[[nodiscard]] std::string hex_number(std::uint64_t number);
/// As few digits as the number has.
void append_short_hex(std::string& out, std::uint64_t number);
/// Two lower-case digits for each byte.
[[nodiscard]] std::string hex(std::string_view bytes);
/// The bytes of an even number of digits of either case; nullopt for any other text.
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

/// Writes all characters except the unreserved ones of RFC 3986 as `%XX`; for a path segment or a
/// query value.
[[nodiscard]] std::string percent_encode(std::string_view text);
/// Decodes percent-encoding; nullopt when an escape is invalid. Set `plus_is_space` for queries of
/// forms.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text,
                                                        bool plus_is_space = false);

/// The length of the UTF-8 sequence at the front of a text that is not empty; 0 when there is none
/// (RFC 3629: no surrogates, no overlong forms).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// For eight bytes at once: sets the top bit of each byte that a JSON string cannot contain as it
/// is (below 0x20, a quote, a backslash, or not ASCII). Exact up to and including the lowest marked
/// byte. Bytes above it may be marked wrongly, because a borrow can go from a special byte into the
/// next one.
[[nodiscard]] constexpr std::uint64_t json_special_bytes(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101U;
  const std::uint64_t below_space = word - each * 0x20U;
  const std::uint64_t quote = (word ^ (each * '"')) - each;
  const std::uint64_t backslash = (word ^ (each * '\\')) - each;
  return (below_space | quote | backslash | word) & (each * 0x80U);
}
/// Writes a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that the text
/// is always valid JSON.
void write_json_string(ByteWriter& out, std::string_view text);

}  // namespace millrace
