// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::bench {

/// What an input of the suite `peers` holds; the same numbers give the same records everywhere.
struct InputSpec {
  std::int64_t records = 0;
  std::uint64_t keys = 1;
  std::int64_t base_ms = 0;  ///< event time of record 0; each further one is a millisecond later
};

/// Length of a key; it spells the key's number in letters.
inline constexpr std::size_t key_bytes = 8;
/// Values of the stream are JSON strings of this length, quotes included.
inline constexpr std::size_t value_bytes = 92;
/// Values of the table too.
inline constexpr std::size_t table_value_bytes = 32;

/// Any record of an input by its index. Not thread-safe.
class Input {
 public:
  explicit Input(InputSpec spec);

  [[nodiscard]] const InputSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint64_t key_number(std::int64_t index) const;
  [[nodiscard]] std::int64_t timestamp_ms(std::int64_t index) const {
    return spec_.base_ms + index;
  }
  /// Valid until the next call.
  [[nodiscard]] std::string_view key(std::uint64_t number);
  /// The stream's value, valid until the next call.
  [[nodiscard]] std::string_view value(std::int64_t index);
  /// The table's value for a key, valid until the next call.
  [[nodiscard]] std::string_view table_value(std::uint64_t number);

  /// The number that a key spells; a number of spec().keys or above when it is no key of ours.
  [[nodiscard]] std::uint64_t number_of(std::string_view key) const;

 private:
  [[nodiscard]] std::string_view cut(std::string& memory, std::uint64_t at,
                                     std::size_t length) const;

  InputSpec spec_;
  std::string text_;
  std::string key_;
  std::string value_;
  std::string table_value_;
};

}  // namespace millrace::bench
