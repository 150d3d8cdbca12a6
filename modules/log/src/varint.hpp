// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::log {

// Kafka's variable-length integers: zigzag, then base 128 with the lowest seven bits first
// (ByteUtils.java).

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// Bytes that write_varint takes for the value. A varint of a 32-bit value and a varlong of the
/// same value are the same bytes.
[[nodiscard]] constexpr std::size_t varint_bytes(std::int64_t value) {
  return (static_cast<std::size_t>(std::bit_width(zigzag(value) | 1U)) + 6) / 7;
}

/// Writes the value and answers the place after it; there must be room for varint_bytes(value).
[[nodiscard]] inline char* write_varint(char* out, std::int64_t value) {
  std::uint64_t rest = zigzag(value);
  while (rest >= 0x80U) [[unlikely]] {
    *out++ = static_cast<char>(rest | 0x80U);
    rest >>= 7U;
  }
  *out++ = static_cast<char>(rest);
  return out;
}

/// Reads one value off the front of [at, end); answers the place after it, or null when the bytes
/// end early or the value needs more than `bits` bits.
[[nodiscard]] inline const char* read_varint_bits(const char* at, const char* end, unsigned bits,
                                                  std::int64_t& value) {
  if (at != end && static_cast<unsigned char>(*at) < 0x80U) [[likely]] {
    value = unzigzag(static_cast<unsigned char>(*at));
    return at + 1;
  }
  std::uint64_t raw = 0;
  for (unsigned shift = 0; at != end && shift < bits; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    const std::uint64_t part = byte & 0x7fU;
    if (shift + 7 > bits && (part >> (bits - shift)) != 0) {
      return nullptr;
    }
    raw |= part << shift;
    if (byte < 0x80U) {
      value = unzigzag(raw);
      return at;
    }
  }
  return nullptr;
}

[[nodiscard]] inline const char* read_varlong(const char* at, const char* end,
                                              std::int64_t& value) {
  return read_varint_bits(at, end, 64, value);
}
[[nodiscard]] inline const char* read_varint(const char* at, const char* end, std::int32_t& value) {
  std::int64_t wide = 0;
  at = read_varint_bits(at, end, 32, wide);
  value = static_cast<std::int32_t>(wide);
  return at;
}

}  // namespace millrace::log
