// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <type_traits>

#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// How deep values may nest, so that hostile bytes cannot exhaust the stack.
inline constexpr int depth_max = 128;

/// Goes from strong types to what they are made of.
template <class Pointer>
const TypeInfo& resolve(const TypeInfo* type, Pointer& object) {
  using Byte =
      std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  while (type->transparent) [[unlikely]] {
    const FieldInfo& member = type->fields.front();
    object = static_cast<Byte*>(object) + member.offset;
    type = &member.type();
  }
  return *type;
}

template <class Pointer>
Pointer field_at(Pointer object, const FieldInfo& field) {
  using Byte =
      std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  return static_cast<Byte*>(object) + field.offset;
}

}  // namespace millrace::codec
