// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace retail {

/// Names an order, a return or a write-off; the key of every public topic that is not about
/// products or countries.
struct RequestId {
  using millrace_transparent = void;
  std::string text;
  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};
BOOST_DESCRIBE_STRUCT(RequestId, (), (text))

/// A stock code, case-sensitive. Codes that begin with five digits are goods and have a shelf; all
/// others are services, always available.
struct ProductCode {
  using millrace_transparent = void;
  std::string text;
  friend auto operator<=>(const ProductCode&, const ProductCode&) = default;
};
BOOST_DESCRIBE_STRUCT(ProductCode, (), (text))

/// A country by its name in the data, `United Kingdom`.
struct Country {
  using millrace_transparent = void;
  std::string name;
  friend auto operator<=>(const Country&, const Country&) = default;
};
BOOST_DESCRIBE_STRUCT(Country, (), (name))

/// True for goods: the code begins with five digits.
[[nodiscard]] constexpr bool is_goods(std::string_view code) {
  if (code.size() < 5) return false;
  for (std::size_t i = 0; i < 5; ++i) {
    if (code[i] < '0' || code[i] > '9') return false;
  }
  return true;
}
[[nodiscard]] inline bool is_goods(const ProductCode& product) { return is_goods(product.text); }

}  // namespace retail
