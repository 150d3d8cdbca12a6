// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "plain_digits.hpp"

#include <charconv>
#include <cstdint>

namespace millrace::codec {
namespace {

// Digits of any 64-bit number.
constexpr std::int64_t digits_max = 20;

}  // namespace

std::string plain_digits(std::string_view token) {
  std::string digits;
  if (token.starts_with('-')) {
    digits.push_back('-');
    token.remove_prefix(1);
  }
  const std::size_t sign = digits.size();
  std::int64_t exponent = 0;
  bool in_fraction = false;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char c = token[i];
    if (c == '.') {
      in_fraction = true;
    } else if (c == 'e' || c == 'E') {
      std::string_view text = token.substr(i + 1);
      text.remove_prefix(text.starts_with('+') ? 1 : 0);
      std::int64_t written = 0;
      const bool small =
          std::from_chars(text.data(), text.data() + text.size(), written).ec == std::errc{} &&
          written > -(std::int64_t{1} << 32U) && written < (std::int64_t{1} << 32U);
      // The digits of a token are fewer, so an exponent of this size decides alone.
      exponent += small ? written : (text.starts_with('-') ? -1 : 1) * (std::int64_t{1} << 40U);
      break;
    } else {
      if (digits.size() > sign || c != '0') {
        digits.push_back(c);
      }
      exponent -= in_fraction ? 1 : 0;
    }
  }
  while (digits.size() > sign && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  const auto count = static_cast<std::int64_t>(digits.size() - sign);
  if (count == 0) {
    return "0";
  }
  if (exponent < 0 || exponent > digits_max - count) {
    return {};
  }
  return digits.append(static_cast<std::size_t>(exponent), '0');
}

}  // namespace millrace::codec
