// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/endian.hpp"
#include "millrace/base/varint.hpp"

namespace millrace {

/// Copies the bytes to `out` and returns the end of the copy. An empty view may have a null
/// pointer, which memcpy does not allow.
inline char* copy_bytes(char* out, std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  return out + bytes.size();
}

/// Appends values to a string through a raw cursor, which is faster than a call of append() for
/// each value. The string must outlive the writer. Do not use the string before take() or the
/// destructor, which set its final size. Not thread-safe.
///
///     std::string bytes;
///     ByteWriter out(bytes);
///     out.little(version).varint_text(name);
///     return out.take();
class ByteWriter {
 public:
  /// Reserves space for `expected` bytes at once.
  explicit ByteWriter(std::string& out, std::size_t expected = 192) : out_(out), used_(out.size()) {
    grow(expected);
  }
  ByteWriter(const ByteWriter&) = delete;
  ByteWriter& operator=(const ByteWriter&) = delete;
  ~ByteWriter() { out_.resize(position()); }

  /// All bytes of the string, moved out; the writer continues on an empty one.
  [[nodiscard]] std::string take() {
    out_.resize(position());
    std::string taken = std::exchange(out_, {});
    cursor_ = end_ = out_.data();
    used_ = 0;
    return taken;
  }
  /// All bytes of the string; valid until the next call.
  [[nodiscard]] std::string_view view() const { return {out_.data(), position()}; }
  /// The size of view().
  [[nodiscard]] std::size_t position() const {
    return static_cast<std::size_t>(cursor_ - out_.data());
  }
  /// A pointer to bytes that were written before, to overwrite them; valid until the next call.
  [[nodiscard]] char* at(std::size_t position) { return out_.data() + position; }

  /// Space for up to `size` bytes. The caller writes the bytes and calls advance() with their end.
  [[nodiscard]] char* room(std::size_t size) {
    if (static_cast<std::size_t>(end_ - cursor_) < size) [[unlikely]] {
      used_ = position();
      grow(size);
    }
    return cursor_;
  }
  void advance(char* to) { cursor_ = to; }

  ByteWriter& byte(char value) {
    *room(1) = value;
    ++cursor_;
    return *this;
  }
  ByteWriter& bytes(std::string_view value) {
    cursor_ = copy_bytes(room(value.size()), value);
    return *this;
  }
  template <std::integral T>
  ByteWriter& little(T value) {
    store_little(room(sizeof(T)), value);
    cursor_ += sizeof(T);
    return *this;
  }
  template <std::integral T>
  ByteWriter& big(T value) {
    store_big(room(sizeof(T)), value);
    cursor_ += sizeof(T);
    return *this;
  }
  /// Zigzag when T is signed.
  template <std::integral T>
  ByteWriter& varint(T value) {
    char* const at = room(varint_bytes_max);
    if constexpr (std::signed_integral<T>) {
      cursor_ = write_signed_varint(at, value);
    } else {
      cursor_ = write_varint(at, value);
    }
    return *this;
  }

  /// The size, then the bytes. The size must fit into `Size`.
  template <std::integral Size>
  ByteWriter& little_text(std::string_view text) {
    return little(static_cast<Size>(text.size())).bytes(text);
  }
  template <std::integral Size>
  ByteWriter& big_text(std::string_view text) {
    return big(static_cast<Size>(text.size())).bytes(text);
  }
  template <std::integral Size>
  ByteWriter& varint_text(std::string_view text) {
    static_cast<void>(room(varint_bytes_max + text.size()));
    return varint(static_cast<Size>(text.size())).bytes(text);
  }

 private:
  void grow(std::size_t size) {
    const std::size_t wanted = std::max({used_ + size, out_.capacity(), used_ + used_ / 2});
    out_.resize_and_overwrite(wanted, [](char*, std::size_t count) { return count; });
    cursor_ = out_.data() + used_;
    end_ = out_.data() + out_.size();
  }

  std::string& out_;
  std::size_t used_;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace millrace
