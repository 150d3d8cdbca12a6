// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::codec {

/// What a described type is made of.
enum class Kind : std::uint8_t {
  boolean,
  int32,
  int64,
  uint32,
  uint64,
  float64,
  string,
  enumeration,
  optional,
  sequence,
  structure,
  variant,
  map
};

struct TypeInfo;

/// A member of a described struct.
struct FieldInfo {
  std::string_view name;
  std::size_t offset = 0;  ///< in bytes from the start of the struct
  const TypeInfo& (*type)() = nullptr;
  bool as_text = false;  ///< its integers of 64 bits are written as text in JSON
};

/// Operations on an optional, vector, map or variant without knowing its type. Null where the kind
/// has none.
struct ContainerOps {
  std::size_t (*size)(const void* self) = nullptr;  ///< sequence, map; optional: 0 or 1
  const void* (*at)(const void* self, std::size_t index) =
      nullptr;                            ///< sequence, optional; variant: the active alternative
  void* (*append)(void* self) = nullptr;  ///< sequence, optional (emplace): a new default element
  void (*clear)(void* self) = nullptr;
  std::size_t (*active)(const void* self) = nullptr;  ///< variant: index of the alternative
  void* (*emplace)(void* self, std::size_t alternative) =
      nullptr;  ///< variant: makes that alternative active, default constructed
  void (*for_each)(const void* self, void* context,
                   void (*visit)(void* context, std::string_view key,
                                 const void* value)) = nullptr;  ///< map<string, T>
  void* (*insert)(void* self, std::string_view key) =
      nullptr;  ///< map: the element of that key, made if missing
  void (*reserve)(void* self, std::size_t count) = nullptr;  ///< sequence: room for that many
};

struct EnumeratorInfo {
  std::string_view name;
  std::int64_t value = 0;
};

/// A type at run time: the bridge from typed facade to byte core. One per type, lives for the whole
/// program. Obtained by type_info<T>() (describe.hpp).
struct TypeInfo {
  std::string_view name;  ///< unqualified C++ name; the `ce_type` of an event without event_types
  Kind kind = Kind::boolean;
  std::size_t size = 0;
  std::size_t alignment = 0;
  void (*construct)(void* memory) = nullptr;  ///< default construction in place
  void (*destroy)(void* object) = nullptr;
  void (*copy)(void* memory, const void* from) = nullptr;  ///< copy construction in place
  void (*reset)(void* object) = nullptr;                   ///< assigns a default-constructed value
  std::span<const FieldInfo> fields;                       ///< structure
  bool transparent =
      false;  ///< a strong type: a struct of one member described as that member alone
  const TypeInfo& (*element)() = nullptr;              ///< optional, sequence, map
  std::span<const TypeInfo& (*const)()> alternatives;  ///< variant
  std::span<const EnumeratorInfo> enumerators;
  std::int64_t (*get_enum)(const void* object) = nullptr;
  void (*set_enum)(void* object, std::int64_t value) = nullptr;
  const EnumeratorInfo* fallback =
      nullptr;  ///< stands for enumerators that the reader does not know
  ContainerOps ops;
  /// Names of its events, as event_type<T>() declares them: the first is written, all are read.
  std::span<const std::string_view> event_types;
};

/// What tells events of this type apart: the name that events of the active alternative of a
/// variant, or of the type itself, are written with.
[[nodiscard]] std::string_view event_type(const TypeInfo& type, const void* value);
/// The name that events of a type, which is no variant, are written with.
[[nodiscard]] std::string_view event_type(const TypeInfo& type);
/// Events of a type, which is no variant, are read by that name.
[[nodiscard]] bool is_event_type(const TypeInfo& type, std::string_view name);

}  // namespace millrace::codec
