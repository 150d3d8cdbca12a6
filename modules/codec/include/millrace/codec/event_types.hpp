// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace millrace::codec {

/// The names of events of type T. event_type<T>() creates it.
template <class T, std::size_t Count>
struct EventTypes {
  using Type = T;
  std::array<std::string_view, Count> names;
};

/// Sets the names of events of the described struct T in `ce_type`, instead of the name of the
/// struct. Writers use the first name. Readers accept all names in the list and no others: list the
/// name of the struct as long as topics contain events with that name. Declare the function beside
/// the struct, in its namespace, so that argument-dependent lookup finds it:
///
///     constexpr auto millrace_event_type(const Placed*) {
///       return millrace::codec::event_type<Placed>("com.shop.order.placed.v1", "OrderPlaced");
///     }
///
/// An empty name, or a name that occurs twice, does not compile.
template <class T, std::size_t... Size>
  requires(sizeof...(Size) > 0)
consteval EventTypes<T, sizeof...(Size)> event_type(const char (&... names)[Size]) {
  static_assert(std::is_class_v<T>, "events are structs");
  const EventTypes<T, sizeof...(Size)> out{{std::string_view(names, Size - 1)...}};
  for (std::size_t i = 0; i < out.names.size(); ++i) {
    if (out.names[i].empty()) throw "a name of an event type is empty";
    for (std::size_t j = 0; j < i; ++j)
      if (out.names[i] == out.names[j]) throw "a name of an event type is given twice";
  }
  return out;
}

namespace detail {

/// The declaration is that of T, and not of a base of it.
template <class T>
concept DeclaresEventType = requires {
  requires std::is_same_v<T, typename decltype(millrace_event_type(
                                 static_cast<const T*>(nullptr)))::Type>;
};

template <class T>
constexpr auto declared_event_types() {
  if constexpr (DeclaresEventType<T>) {
    return millrace_event_type(static_cast<const T*>(nullptr)).names;
  } else {
    return std::array<std::string_view, 0>{};
  }
}
template <class T>
inline constexpr auto event_types = declared_event_types<T>();

}  // namespace detail
}  // namespace millrace::codec
