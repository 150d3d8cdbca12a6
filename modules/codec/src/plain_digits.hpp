// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace millrace::codec {

/// A number of JSON with a fraction or an exponent as its digits alone: 10.0, 1e1 and 100e-1
/// are 10. Empty when it is not whole, or larger than any integer.
[[nodiscard]] std::string plain_digits(std::string_view token);

/// Reads digits with nothing before or behind them; false when they are none or do not fit.
template <class Integer>
[[nodiscard]] bool read_digits(std::string_view digits, Integer& out) {
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, out);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

}  // namespace millrace::codec
