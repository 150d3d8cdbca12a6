// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/base/endian.hpp"
#include "millrace/base/varint.hpp"

namespace millrace {

/// Reads values from the front of bytes that may be damaged or hostile. After the first value that
/// is missing, ok() is false and all further values are zero or empty. So a parser needs only one
/// check, at its end. Never reads past the end, never allocates. Returned views point into the
/// bytes, which must outlive them. Not thread-safe; cheap to copy.
///
///     ByteReader in(bytes);
///     const auto version = in.little<std::uint32_t>();
///     const std::string_view name = in.varint_text();
///     if (!in.ok() || !in.at_end()) { ... }
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  /// True when no bytes are left, also after a failure.
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::string_view rest() const { return {at_, left()}; }
  /// Marks the reader as failed, as if a value had been missing. For a caller that read an invalid
  /// value.
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  template <std::integral T>
  T little() {
    return fixed<std::endian::little, T>();
  }
  template <std::integral T>
  T big() {
    return fixed<std::endian::big, T>();
  }
  std::uint8_t byte() { return little<std::uint8_t>(); }

  /// A varint of T's bits at most: zigzag when T is signed.
  template <std::integral T>
  T varint() {
    T value{};
    const char* to = nullptr;
    if constexpr (std::signed_integral<T>) {
      to = read_signed_varint(at_, end_, value);
    } else {
      to = read_varint(at_, end_, value);
    }
    if (to == nullptr) [[unlikely]] {
      fail();
      return {};
    }
    at_ = to;
    return value;
  }

  /// Exactly `size` bytes; a negative size is a failure.
  template <std::integral Size>
  std::string_view bytes(Size size) {
    if (size < Size{} || left() < static_cast<std::make_unsigned_t<Size>>(size)) [[unlikely]] {
      fail();
      return {};
    }
    const std::string_view taken(at_, static_cast<std::size_t>(size));
    at_ += taken.size();
    return taken;
  }

  /// Bytes with their size in front of them.
  template <std::integral Size>
  std::string_view little_text() {
    return bytes(little<Size>());
  }
  template <std::integral Size>
  std::string_view big_text() {
    return bytes(big<Size>());
  }
  template <std::integral Size>
  std::string_view varint_text() {
    return bytes(varint<Size>());
  }

  /// Checks a number of elements that the bytes claim, before a loop or a reservation. Returns
  /// `claimed` if that many elements of at least `element_bytes_min` bytes fit into the bytes that
  /// are left. Otherwise the reader fails and returns 0.
  template <std::integral Count>
  std::size_t count(Count claimed, std::size_t element_bytes_min = 1) {
    if (claimed < Count{} || left() / element_bytes_min <
                                 static_cast<std::make_unsigned_t<Count>>(claimed)) [[unlikely]] {
      fail();
      return 0;
    }
    return static_cast<std::size_t>(claimed);
  }

 private:
  template <std::endian Order, std::integral T>
  T fixed() {
    if (left() < sizeof(T)) [[unlikely]] {
      fail();
      return {};
    }
    const T value = load<Order, T>(at_);
    at_ += sizeof(T);
    return value;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace millrace
