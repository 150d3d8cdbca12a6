// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

/// Integers of variable length: base 128, the lowest seven bits first, the top bit set on all bytes
/// but the last. Signed ones are zigzag encoded first, so that small negative numbers are short
/// (Protocol Buffers; Kafka's ByteUtils.java). The bytes of a value do not depend on its type.
namespace millrace {

/// The longest varint of 64 bits.
inline constexpr std::size_t varint_bytes_max = 10;

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// How many bytes write_varint() writes for the value.
[[nodiscard]] constexpr std::size_t varint_bytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}
[[nodiscard]] constexpr std::size_t signed_varint_bytes(std::int64_t value) {
  return varint_bytes(zigzag(value));
}

/// Writes varint_bytes(value) bytes in the shortest encoding and returns their end. There must be
/// enough space at `out`.
[[nodiscard]] constexpr char* write_varint(char* out, std::uint64_t value) {
  while (value >= 0x80U) [[unlikely]] {
    *out++ = static_cast<char>(value | 0x80U);
    value >>= 7U;
  }
  *out++ = static_cast<char>(value);
  return out;
}
[[nodiscard]] constexpr char* write_signed_varint(char* out, std::int64_t value) {
  return write_varint(out, zigzag(value));
}

/// Reads one value from the front of [at, end) and returns the end of its bytes, or null when the
/// bytes end within the value or it needs more bits than T has. Also accepts encodings that are
/// longer than the shortest, up to the length of the largest T.
template <std::unsigned_integral T>
[[nodiscard]] constexpr const char* read_varint(const char* at, const char* end, T& value) {
  if (at != end && static_cast<unsigned char>(*at) < 0x80U) [[likely]] {
    value = static_cast<unsigned char>(*at);
    return at + 1;
  }
  // Two bytes are nearly as common: the size of a record, its number in a batch.
  if (end - at >= 2 && static_cast<unsigned char>(at[1]) < 0x80U) {
    value = (static_cast<unsigned char>(at[0]) & 0x7fU) |
            (static_cast<T>(static_cast<unsigned char>(at[1])) << 7U);
    return at + 2;
  }
  constexpr unsigned bits = std::numeric_limits<T>::digits;
  static_assert(bits >= 32);
  T raw = 0;
  for (unsigned shift = 0; at != end && shift < bits; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    const T part = byte & 0x7fU;
    if (shift + 7 > bits && (part >> (bits - shift)) != 0) {
      return nullptr;
    }
    raw |= part << shift;
    if (byte < 0x80U) {
      value = raw;
      return at;
    }
  }
  return nullptr;
}
template <std::signed_integral T>
[[nodiscard]] constexpr const char* read_signed_varint(const char* at, const char* end, T& value) {
  std::make_unsigned_t<T> raw = 0;
  at = read_varint(at, end, raw);
  value = static_cast<T>(unzigzag(raw));
  return at;
}

}  // namespace millrace
