// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::log::embedded {

// Compact little-endian values of the log's own records and files.

template <std::integral T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
/// At most 65535 bytes.
inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

/// Takes values off the front of bytes; once they run out, `ok` is false and all further values are
/// zero.
struct Taker {
  std::string_view rest;
  bool ok = true;

  template <std::integral T>
  T take() {
    T value{};
    if (rest.size() < sizeof value) {
      ok = false;
      return value;
    }
    std::memcpy(&value, rest.data(), sizeof value);
    rest.remove_prefix(sizeof value);
    return value;
  }
  std::string_view take_text() {
    const auto size = take<std::uint16_t>();
    return take_bytes(size);
  }
  std::string_view take_bytes(std::size_t size) {
    if (rest.size() < size) {
      ok = false;
      return {};
    }
    const std::string_view bytes = rest.substr(0, size);
    rest.remove_prefix(size);
    return bytes;
  }
};

}  // namespace millrace::log::embedded
