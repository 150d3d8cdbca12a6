// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/log/record.hpp"

namespace millrace::bench {

/// Records of a given size, the same for every system: a key of 8 characters and a value cut out of
/// random printable text. Not thread-safe.
class RecordSource {
 public:
  /// Keys are drawn evenly from `keys` different ones.
  RecordSource(std::size_t value_bytes, std::uint64_t keys, std::uint64_t seed = 1);

  struct Raw {
    std::int64_t timestamp_ms;
    std::string_view key;
    std::string_view value;
  };
  /// Valid until the next call.
  [[nodiscard]] Raw next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_ * 0xbf58476d1ce4e5b9U;
    mixed ^= mixed >> 32U;
    write_key(mixed % keys_);
    timestamp_ms_ += 1;
    return {timestamp_ms_,
            {key_, sizeof key_},
            {text_.data() + (mixed >> 40U) % text_window, value_bytes_}};
  }

 private:
  static constexpr std::size_t text_window = 4096;
  void write_key(std::uint64_t number) {
    for (std::size_t i = sizeof key_; i-- > 0;) {
      key_[i] = static_cast<char>('a' + number % 26);
      number /= 26;
    }
  }

  std::string text_;
  std::size_t value_bytes_;
  std::uint64_t keys_;
  std::uint64_t state_;
  std::int64_t timestamp_ms_ = 1'700'000'000'000;
  char key_[8];
};

}  // namespace millrace::bench
