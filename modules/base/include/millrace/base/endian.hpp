// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <type_traits>

/// Integers at any address, aligned or not, in a byte order that does not depend on the machine.
namespace millrace {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "the byte order of this machine is neither little-endian nor big-endian");

/// The value with its bytes in the opposite order.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T swap_bytes(T value) {
  if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else if constexpr (sizeof(T) == 8) {
    return __builtin_bswap64(value);
  } else {
    static_assert(sizeof(T) == 1);
    return value;
  }
}

/// Writes the value to the sizeof(T) bytes at `at`.
template <std::endian Order, std::integral T>
inline void store(char* at, T value) {
  auto raw = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (Order != std::endian::native) {
    raw = swap_bytes(raw);
  }
  std::memcpy(at, &raw, sizeof raw);
}

/// Reads the sizeof(T) bytes at `at`.
template <std::endian Order, std::integral T>
[[nodiscard]] inline T load(const char* at) {
  std::make_unsigned_t<T> raw;
  std::memcpy(&raw, at, sizeof raw);
  if constexpr (Order != std::endian::native) {
    raw = swap_bytes(raw);
  }
  return static_cast<T>(raw);
}

template <std::integral T>
inline void store_big(char* at, T value) {
  store<std::endian::big>(at, value);
}
template <std::integral T>
inline void store_little(char* at, T value) {
  store<std::endian::little>(at, value);
}
template <std::integral T>
[[nodiscard]] inline T load_big(const char* at) {
  return load<std::endian::big, T>(at);
}
template <std::integral T>
[[nodiscard]] inline T load_little(const char* at) {
  return load<std::endian::little, T>(at);
}

}  // namespace millrace
