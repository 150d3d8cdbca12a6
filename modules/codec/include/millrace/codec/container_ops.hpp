// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/assert.hpp"
#include "millrace/codec/type_info.hpp"

/// The operations of ContainerOps for the standard containers; used by type_info<T>() only.
namespace millrace::codec::detail {

template <class C>
C& object(void* self) {
  return *static_cast<C*>(self);
}
template <class C>
const C& object(const void* self) {
  return *static_cast<const C*>(self);
}

template <class C>
struct OptionalTraits : std::false_type {};
template <class T>
struct OptionalTraits<std::optional<T>> : std::true_type {
  using Element = T;
  static constexpr ContainerOps ops() {
    using C = std::optional<T>;
    ContainerOps out;
    out.size = [](const void* self) -> std::size_t { return object<C>(self).has_value() ? 1 : 0; };
    out.at = [](const void* self, std::size_t) -> const void* { return &*object<C>(self); };
    out.append = [](void* self) -> void* { return &object<C>(self).emplace(); };
    out.clear = [](void* self) { object<C>(self).reset(); };
    return out;
  }
};

template <class C>
struct VectorTraits : std::false_type {};
template <class T>
struct VectorTraits<std::vector<T>> : std::true_type {
  static_assert(!std::is_same_v<T, bool>,
                "std::vector<bool> has no elements to point at; use std::vector<std::int32_t>");
  using Element = T;
  static constexpr ContainerOps ops() {
    using C = std::vector<T>;
    ContainerOps out;
    out.size = [](const void* self) { return object<C>(self).size(); };
    out.at = [](const void* self, std::size_t index) -> const void* {
      return object<C>(self).data() + index;
    };
    out.append = [](void* self) -> void* {
      C& elements = object<C>(self);
      // Growing from one element by doubling would move the first ones three more times.
      if (sizeof(T) <= 256 && elements.size() == elements.capacity()) {
        elements.reserve(std::max<std::size_t>(8, 2 * elements.size()));
      }
      return &elements.emplace_back();
    };
    out.clear = [](void* self) { object<C>(self).clear(); };
    out.reserve = [](void* self, std::size_t count) { object<C>(self).reserve(count); };
    return out;
  }
};

template <class C>
struct MapTraits : std::false_type {};
template <class T>
struct MapTraits<std::map<std::string, T>> : std::true_type {
  using Element = T;
  static constexpr ContainerOps ops() {
    using C = std::map<std::string, T>;
    ContainerOps out;
    out.size = [](const void* self) { return object<C>(self).size(); };
    out.clear = [](void* self) { object<C>(self).clear(); };
    out.for_each = [](const void* self, void* context,
                      void (*visit)(void*, std::string_view, const void*)) {
      for (const auto& [key, value] : object<C>(self)) {
        visit(context, key, &value);
      }
    };
    out.insert = [](void* self, std::string_view key) -> void* {
      return &object<C>(self)[std::string(key)];
    };
    return out;
  }
};

template <class C>
struct VariantTraits : std::false_type {};
template <class... Alternatives>
struct VariantTraits<std::variant<Alternatives...>> : std::true_type {
  using C = std::variant<Alternatives...>;

  static constexpr ContainerOps ops() {
    ContainerOps out;
    out.at = [](const void* self, std::size_t) -> const void* {
      return std::visit([](const auto& active) -> const void* { return &active; }, object<C>(self));
    };
    out.active = [](const void* self) {
      MILLRACE_ASSERT(!object<C>(self).valueless_by_exception(),
                      "a variant holds one of its alternatives");
      return object<C>(self).index();
    };
    out.emplace = [](void* self, std::size_t alternative) -> void* {
      return emplacers[alternative](object<C>(self));
    };
    return out;
  }

 private:
  using Emplacer = void* (*)(C&);
  template <std::size_t Index>
  static void* emplace_at(C& self) {
    return &self.template emplace<Index>();
  }
  template <std::size_t... Index>
  static constexpr std::array<Emplacer, sizeof...(Index)> make_emplacers(
      std::index_sequence<Index...>) {
    return {&emplace_at<Index>...};
  }
  static constexpr auto emplacers = make_emplacers(std::index_sequence_for<Alternatives...>{});
};

}  // namespace millrace::codec::detail
