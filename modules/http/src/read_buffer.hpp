// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::http {

/// Bytes received and not yet used up. Keeps its memory from message to message.
class ReadBuffer {
 public:
  [[nodiscard]] std::string_view bytes() const {
    return std::string_view(storage_).substr(from_, to_ - from_);
  }
  [[nodiscard]] bool empty() const { return from_ == to_; }
  /// Room for the next receive, at least 4 KiB; call received() with what came.
  [[nodiscard]] char* room() {
    if (from_ == to_) {
      from_ = to_ = 0;
    }
    if (storage_.size() - to_ < min_room) {
      storage_.erase(0, from_);
      to_ -= from_;
      from_ = 0;
      storage_.resize(to_ + grow_by);
    }
    return storage_.data() + to_;
  }
  [[nodiscard]] std::size_t room_size() const { return storage_.size() - to_; }
  void received(std::size_t n) { to_ += n; }
  void used(std::size_t n) { from_ += n; }
  void clear() { from_ = to_ = 0; }

 private:
  static constexpr std::size_t min_room = 4096;
  static constexpr std::size_t grow_by = 16 * 1024;
  std::string storage_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

}  // namespace millrace::http
