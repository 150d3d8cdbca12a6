// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <type_traits>

namespace millrace::log {

template <std::unsigned_integral T>
[[nodiscard]] constexpr T swap_to_big_endian(T value) {
  static_assert(std::endian::native == std::endian::little ||
                std::endian::native == std::endian::big);
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

/// Writes an integer big-endian, aligned or not.
template <std::integral T>
inline void store_big(char* at, T value) {
  const auto raw = swap_to_big_endian(static_cast<std::make_unsigned_t<T>>(value));
  std::memcpy(at, &raw, sizeof raw);
}

/// Reads a big-endian integer, aligned or not.
template <std::integral T>
[[nodiscard]] inline T load_big(const char* at) {
  std::make_unsigned_t<T> raw;
  std::memcpy(&raw, at, sizeof raw);
  return static_cast<T>(swap_to_big_endian(raw));
}

}  // namespace millrace::log
