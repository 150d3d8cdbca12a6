// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

namespace millrace::codec {

namespace detail {

template <class T>
constexpr std::string_view function_name() {
  return __PRETTY_FUNCTION__;
}

// GCC writes `[with T = shop::Order; std::string_view = ...]`, Clang `[T = shop::Order]`.
constexpr std::string_view unqualified(std::string_view function) {
  const std::size_t begin = function.find("T = ") + 4;
  std::string_view name = function.substr(begin, function.find_first_of(";]", begin) - begin);
  const std::size_t arguments = name.find('<');
  const std::size_t colon = name.substr(0, arguments).rfind("::");
  return colon == std::string_view::npos ? name : name.substr(colon + 2);
}

}  // namespace detail

/// The name of a class or enum without its namespaces, known at compile time: `OrderPlaced` for
/// `shop::OrderPlaced`.
template <class T>
[[nodiscard]] constexpr std::string_view type_name() {
  return detail::unqualified(detail::function_name<T>());
}

}  // namespace millrace::codec
