// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::codec {

/// The longest varint of 64 bits.
inline constexpr std::size_t varint_bytes_max = 10;

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// Seven bits a byte, low ones first, the top bit set on all but the last. Answers the end.
constexpr char* write_varint(char* out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) {
    *out++ = static_cast<char>(value | 0x80U);
  }
  *out++ = static_cast<char>(value);
  return out;
}

/// Takes a varint off the front of `in`; false when it is cut off or has more than 64 bits.
constexpr bool read_varint(std::string_view& in, std::uint64_t& out) {
  if (!in.empty() && static_cast<unsigned char>(in[0]) < 0x80U) [[likely]] {
    out = static_cast<unsigned char>(in[0]);
    in.remove_prefix(1);
    return true;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < in.size() && i < varint_bytes_max; ++i) {
    const auto byte = static_cast<unsigned char>(in[i]);
    if (i == varint_bytes_max - 1 && byte > 1) {
      return false;
    }
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * i);
    if (byte < 0x80U) {
      in.remove_prefix(i + 1);
      out = value;
      return true;
    }
  }
  return false;
}

}  // namespace millrace::codec
