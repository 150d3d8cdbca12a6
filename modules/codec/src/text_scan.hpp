// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::codec {

/// Marks with its top bit each of eight bytes that a JSON string cannot simply copy: below 0x20, a
/// quote, a backslash, or not ASCII. Exact up to the lowest marked byte: a borrow crosses into the
/// next byte only from one that is special itself.
constexpr std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t each = 0x0101010101010101U;
  const std::uint64_t below_space = word - each * 0x20U;
  const std::uint64_t quote = (word ^ (each * '"')) - each;
  const std::uint64_t backslash = (word ^ (each * '\\')) - each;
  return (below_space | quote | backslash | word) & (each * 0x80U);
}

/// The length of the UTF-8 sequence at the front of a text that is not empty; 0 when there is none
/// (RFC 3629: no surrogates, no overlong forms).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

}  // namespace millrace::codec
