// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/input.hpp"

#include "millrace/base/random.hpp"

namespace millrace::bench {
namespace {

constexpr std::uint64_t text_window = 4096;
constexpr std::uint64_t stream_salt = 0x9e3779b97f4a7c15U;
constexpr std::uint64_t table_salt = 0xd1b54a32d192ed03U;

/// The finalizer of SplitMix64.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

}  // namespace

Input::Input(InputSpec spec) : spec_(spec) {
  SeededRandom random(1);
  while (text_.size() < text_window + value_bytes)
    text_ += static_cast<char>('a' + random.below(26));
}

std::uint64_t Input::key_number(std::int64_t index) const {
  return mix(static_cast<std::uint64_t>(index) * stream_salt + 1) % spec_.keys;
}

std::string_view Input::key(std::uint64_t number) {
  key_.resize(key_bytes);
  for (std::size_t i = key_bytes; i-- > 0;) {
    key_[i] = static_cast<char>('a' + number % 26);
    number /= 26;
  }
  return key_;
}

std::uint64_t Input::number_of(std::string_view key) const {
  if (key.size() != key_bytes) return spec_.keys;
  std::uint64_t number = 0;
  for (const char letter : key) {
    if (letter < 'a' || letter > 'z') return spec_.keys;
    number = number * 26 + static_cast<std::uint64_t>(letter - 'a');
  }
  return number;
}

std::string_view Input::value(std::int64_t index) {
  return cut(value_, mix(static_cast<std::uint64_t>(index) + stream_salt), value_bytes);
}

std::string_view Input::table_value(std::uint64_t number) {
  return cut(table_value_, mix(number + table_salt), table_value_bytes);
}

std::string_view Input::cut(std::string& memory, std::uint64_t at, std::size_t length) const {
  memory.assign(text_, at % text_window, length);
  memory.front() = '"';
  memory.back() = '"';
  return memory;
}

}  // namespace millrace::bench
