// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/container_ops.hpp"
#include "millrace/codec/event_types.hpp"
#include "millrace/codec/type_info.hpp"
#include "millrace/codec/type_name.hpp"

namespace millrace::codec {

/// The run-time description of T: bool, integers of 32 and 64 bits, double, std::string,
/// std::optional, std::vector, std::map<std::string, T>, std::variant, and structs (of up to 64
/// members, inherited ones included) and enums described with BOOST_DESCRIBE_STRUCT /
/// BOOST_DESCRIBE_ENUM. A struct of one member that says `using millrace_transparent = void;` is a
/// strong type: it is written as its member alone. T must be default constructible and copyable.
///
/// A struct may name members whose integers of 64 bits are written as text in JSON, since most
/// readers round numbers beyond 2^53; both forms are read:
///
///     struct Payment {
///       static constexpr std::array millrace_as_text{"account"};
///       std::int64_t account = 0;
///
/// An enum may say what stands for the enumerators of a newer writer, found beside it by its
/// argument: `constexpr Channel millrace_fallback(Channel) { return Channel::other; }`.
///
/// Events of a struct are called as the struct, or as event_type() says (event_types.hpp).
///
/// Thread-safe; the answer lives for the whole program.
template <class T>
[[nodiscard]] const TypeInfo& type_info();

/// `auto text = to_json(order);` A variant at the top is written as its active alternative.
template <class T>
[[nodiscard]] std::string to_json(const T& value) {
  std::string out;
  encode_json(type_info<T>(), &value, out);
  return out;
}

/// `auto order = from_json<Order>(text);` Failures as decode(). For a variant, `event_type` names
/// the alternative.
template <class T>
[[nodiscard]] Result<T> from_json(std::string_view text, std::string_view event_type = {}) {
  Result<T> out;
  if (Status status = decode_json(type_info<T>(), event_type, text, &*out); !status) {
    return std::unexpected<Error>(std::move(status).error());
  }
  return out;
}

namespace detail {

template <class T>
constexpr bool is_transparent = requires { typename T::millrace_transparent; };

template <class T>
constexpr Kind kind_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return Kind::boolean;
  } else if constexpr (std::is_integral_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8,
                  "integers have 32 or 64 bits; others are not encoded");
    if constexpr (sizeof(T) == 4) {
      return std::is_signed_v<T> ? Kind::int32 : Kind::uint32;
    } else {
      return std::is_signed_v<T> ? Kind::int64 : Kind::uint64;
    }
  } else if constexpr (std::is_same_v<T, double>) {
    return Kind::float64;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return Kind::string;
  } else if constexpr (std::is_enum_v<T>) {
    static_assert(boost::describe::has_describe_enumerators<T>::value,
                  "describe this enum with BOOST_DESCRIBE_ENUM");
    return Kind::enumeration;
  } else if constexpr (OptionalTraits<T>::value) {
    static_assert(!OptionalTraits<typename OptionalTraits<T>::Element>::value,
                  "an optional of an optional cannot be distinguished in JSON");
    return Kind::optional;
  } else if constexpr (VectorTraits<T>::value) {
    return Kind::sequence;
  } else if constexpr (MapTraits<T>::value) {
    return Kind::map;
  } else if constexpr (VariantTraits<T>::value) {
    return Kind::variant;
  } else {
    static_assert(boost::describe::has_describe_members<T>::value,
                  "describe this struct with BOOST_DESCRIBE_STRUCT");
    return Kind::structure;
  }
}

template <class T>
constexpr std::string_view name_of() {
  constexpr std::string_view names[] = {"bool",   "int32",   "int64", "uint32",   "uint64",
                                        "double", "string",  "",      "optional", "list",
                                        "",       "variant", "map"};
  constexpr Kind kind = kind_of<T>();
  return kind == Kind::structure || kind == Kind::enumeration
             ? type_name<T>()
             : names[static_cast<std::size_t>(kind)];
}

// Where a member is can be asked of an object only, so the tables of fields are made at first use;
// nothing is read.
template <class T>
constexpr bool names_text = requires { T::millrace_as_text; };

template <class T>
constexpr bool is_text(std::string_view name) {
  if constexpr (names_text<T>) {
    for (const std::string_view text : T::millrace_as_text)
      if (text == name) return true;
  }
  return false;
}

template <class T, class... Descriptor>
constexpr bool texts_are_members() {
  if constexpr (names_text<T>) {
    for (const std::string_view text : T::millrace_as_text)
      if (!((text == Descriptor::name) || ...)) return false;
  }
  return true;
}

template <class T, class Pointer>
FieldInfo field_of(std::string_view name, Pointer member) {
  alignas(T) static const std::array<char, sizeof(T)> memory{};
  const T& at = *reinterpret_cast<const T*>(memory.data());
  const auto offset = reinterpret_cast<const char*>(std::addressof(at.*member)) - memory.data();
  return {name, static_cast<std::size_t>(offset),
          &type_info<std::remove_cvref_t<decltype(at.*member)>>, is_text<T>(name)};
}

template <class T, template <class...> class List, class... Descriptor>
std::span<const FieldInfo> fields_of(List<Descriptor...>) {
  static_assert(sizeof...(Descriptor) <= 64, "a struct has at most 64 members; nest some of them");
  static_assert(!is_transparent<T> || sizeof...(Descriptor) == 1,
                "a transparent struct has exactly one member");
  static_assert(texts_are_members<T, Descriptor...>(),
                "millrace_as_text names something that is no member");
  static const std::array<FieldInfo, sizeof...(Descriptor)> fields{
      field_of<T>(Descriptor::name, Descriptor::pointer)...};
  return fields;
}

template <class E, template <class...> class List, class... Descriptor>
std::span<const EnumeratorInfo> enumerators_of(List<Descriptor...>) {
  static constexpr std::array<EnumeratorInfo, sizeof...(Descriptor)> enumerators{
      EnumeratorInfo{Descriptor::name, static_cast<std::int64_t>(Descriptor::value)}...};
  return enumerators;
}

template <class E>
constexpr bool has_fallback = requires {
  { millrace_fallback(E{}) } -> std::same_as<E>;
};

template <class E, template <class...> class List, class... Descriptor>
const EnumeratorInfo* fallback_of(List<Descriptor...> list) {
  if constexpr (has_fallback<E>) {
    constexpr E fallback = millrace_fallback(E{});
    static_assert(((Descriptor::value == fallback) || ...),
                  "millrace_fallback returns an enumerator that is described");
    for (const EnumeratorInfo& enumerator : enumerators_of<E>(list))
      if (enumerator.value == static_cast<std::int64_t>(fallback)) return &enumerator;
  }
  return nullptr;
}

template <class... Alternative>
constexpr bool names_differ() {
  const std::array<std::string_view, sizeof...(Alternative)> names{name_of<Alternative>()...};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) {
        return false;
      }
    }
  }
  return true;
}

/// Of all alternatives together, each name is there once.
template <class... Alternative>
constexpr bool event_types_differ() {
  constexpr std::size_t count =
      ((event_types<Alternative>.empty() ? 1 : event_types<Alternative>.size()) + ...);
  std::array<std::string_view, count> all{};
  std::size_t size = 0;
  const auto add = [&](const auto& names, std::string_view name) {
    if (names.empty()) all[size++] = name;
    for (const std::string_view one : names)
      all[size++] = one;
  };
  (add(event_types<Alternative>, name_of<Alternative>()), ...);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j)
      if (all[i] == all[j]) return false;
  }
  return true;
}

template <class... Alternative>
std::span<const TypeInfo& (*const)()> alternatives_of(const std::variant<Alternative...>*) {
  static_assert(names_differ<Alternative...>(),
                "alternatives of a variant are distinguished by their unqualified names");
  if constexpr ((DeclaresEventType<Alternative> || ...)) {
    static_assert(event_types_differ<Alternative...>(),
                  "an event_type() of one alternative is the name of another one");
  }
  static const TypeInfo& (*const alternatives[])() = {&type_info<Alternative>...};
  return alternatives;
}

template <class T>
void describe_kind(TypeInfo& info) {
  if constexpr (kind_of<T>() == Kind::structure) {
    using namespace boost::describe;
    info.fields = fields_of<T>(describe_members < T, mod_any_access | mod_inherited > {});
    info.transparent = is_transparent<T>;
    info.event_types = event_types<T>;
  } else if constexpr (kind_of<T>() == Kind::enumeration) {
    info.enumerators = enumerators_of<T>(boost::describe::describe_enumerators<T>{});
    info.fallback = fallback_of<T>(boost::describe::describe_enumerators<T>{});
    info.get_enum = [](const void* self) { return static_cast<std::int64_t>(object<T>(self)); };
    info.set_enum = [](void* self, std::int64_t value) { object<T>(self) = static_cast<T>(value); };
  } else if constexpr (kind_of<T>() == Kind::optional) {
    info.element = &type_info<typename OptionalTraits<T>::Element>;
    info.ops = OptionalTraits<T>::ops();
  } else if constexpr (kind_of<T>() == Kind::sequence) {
    info.element = &type_info<typename VectorTraits<T>::Element>;
    info.ops = VectorTraits<T>::ops();
  } else if constexpr (kind_of<T>() == Kind::map) {
    info.element = &type_info<typename MapTraits<T>::Element>;
    info.ops = MapTraits<T>::ops();
  } else if constexpr (kind_of<T>() == Kind::variant) {
    info.alternatives = alternatives_of(static_cast<const T*>(nullptr));
    info.ops = VariantTraits<T>::ops();
  }
}

template <class T>
TypeInfo make_type_info() {
  static_assert(std::is_default_constructible_v<T> && std::is_copy_constructible_v<T>);
  TypeInfo info;
  info.name = name_of<T>();
  info.kind = kind_of<T>();
  info.size = sizeof(T);
  info.alignment = alignof(T);
  info.construct = [](void* memory) { ::new (memory) T(); };
  info.destroy = [](void* self) { std::destroy_at(static_cast<T*>(self)); };
  info.copy = [](void* memory, const void* from) { ::new (memory) T(object<T>(from)); };
  info.reset = [](void* self) { object<T>(self) = T(); };
  describe_kind<T>(info);
  return info;
}

}  // namespace detail

template <class T>
const TypeInfo& type_info() {
  static const TypeInfo info = detail::make_type_info<T>();
  return info;
}

}  // namespace millrace::codec
