// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"

/// Headers of a RecordBatch v2 as bytes: read one by one, and the constant ones made at compile
/// time.
namespace millrace::codec {

struct RawHeader {
  std::string_view key;
  std::string_view value;
  bool has_value = false;  ///< false for a null value
};

/// Takes the next header; the reader fails when the bytes are malformed.
inline RawHeader next_header(ByteReader& in) {
  RawHeader header;
  header.key = in.varint_text<std::int64_t>();
  const auto size = in.varint<std::int64_t>();
  header.has_value = in.ok() && size != -1;
  if (header.has_value) {
    header.value = in.bytes(size);
  }
  return header;
}

/// Writes a header whose key, with its length, is constant.
template <std::size_t Size>
void write_header(ByteWriter& out, const std::array<char, Size>& key, std::string_view value) {
  out.bytes(std::string_view(key.data(), Size));
  out.varint_text<std::int64_t>(value);
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
