// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "varint.hpp"

/// Headers of a RecordBatch v2 as bytes: read one by one, and the constant ones made at compile
/// time.
namespace millrace::codec {

struct RawHeader {
  std::string_view key;
  std::string_view value;
  bool has_value = false;  ///< false for a null value
};

/// Takes the next header off the front; false when the bytes are malformed.
inline bool next_header(std::string_view& in, RawHeader& out) {
  std::uint64_t raw = 0;
  if (!read_varint(in, raw) || unzigzag(raw) < 0 ||
      static_cast<std::uint64_t>(unzigzag(raw)) > in.size()) {
    return false;
  }
  out.key = in.substr(0, static_cast<std::size_t>(unzigzag(raw)));
  in.remove_prefix(out.key.size());
  if (!read_varint(in, raw) || unzigzag(raw) < -1) {
    return false;
  }
  out.has_value = unzigzag(raw) >= 0;
  const std::uint64_t size = out.has_value ? static_cast<std::uint64_t>(unzigzag(raw)) : 0;
  if (size > in.size()) {
    return false;
  }
  out.value = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

/// The zigzag varint of a length below 64.
template <std::size_t Length>
consteval std::array<char, 1> length_prefix() {
  static_assert(Length < 64);
  return {static_cast<char>(zigzag(Length))};
}

template <std::size_t... Size>
consteval auto joined(const std::array<char, Size>&... parts) {
  std::array<char, (Size + ...)> out{};
  std::size_t at = 0;
  const auto append = [&](const auto& part) {
    for (const char byte : part) {
      out[at++] = byte;
    }
  };
  (append(parts), ...);
  return out;
}

/// A header's key with its length.
template <std::size_t Size>
consteval auto header_key(const char (&text)[Size]) {
  std::array<char, Size - 1> bytes{};
  for (std::size_t i = 0; i + 1 < Size; ++i) {
    bytes[i] = text[i];
  }
  return joined(length_prefix<Size - 1>(), bytes);
}

/// A whole header; its value is written as its key is.
template <std::size_t KeySize, std::size_t ValueSize>
consteval auto header(const char (&key)[KeySize], const char (&value)[ValueSize]) {
  return joined(header_key(key), header_key(value));
}

}  // namespace millrace::codec
