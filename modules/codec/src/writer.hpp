// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::codec {

/// Copies the bytes to `out`, answers their end there. A view of nothing may point nowhere, which
/// memcpy does not allow.
inline char* copy_bytes(char* out, std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  return out + bytes.size();
}

/// Appends to a string through a raw cursor: one comparison per piece instead of a call. The string
/// has its true size again once the writer is destroyed.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out), used_(out.size()) { grow(192); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { out_.resize(position()); }

  /// A place for up to `size` bytes; advance() tells how many were written.
  char* room(std::size_t size) {
    if (static_cast<std::size_t>(end_ - cursor_) < size) [[unlikely]] {
      used_ = position();
      grow(size);
    }
    return cursor_;
  }
  void advance(char* to) { cursor_ = to; }
  void put(char byte) {
    *room(1) = byte;
    ++cursor_;
  }
  void put(std::string_view bytes) { cursor_ = copy_bytes(room(bytes.size()), bytes); }
  [[nodiscard]] std::size_t position() const {
    return static_cast<std::size_t>(cursor_ - out_.data());
  }
  /// Bytes written earlier; valid until the next call.
  char* at(std::size_t position) { return out_.data() + position; }

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

}  // namespace millrace::codec
