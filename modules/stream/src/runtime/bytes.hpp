// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::stream::runtime {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian, written as they are in memory");

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}
inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

/// Takes values off the front of bytes; after the first that is not there `ok` is false and all
/// others are zero.
struct Reader {
  std::string_view bytes;
  bool ok = true;

  template <class T>
  T take() {
    T value{};
    if (bytes.size() < sizeof(T)) {
      ok = false;
      bytes = {};
      return value;
    }
    std::memcpy(&value, bytes.data(), sizeof(T));
    bytes.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view take_text() {
    const auto size = take<std::uint32_t>();
    if (bytes.size() < size) {
      ok = false;
      bytes = {};
      return {};
    }
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
  }
};

}  // namespace millrace::stream::runtime
