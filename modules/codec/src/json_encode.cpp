// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstdint>
#include <string>

#include "formats.hpp"
#include "millrace/codec/write_json.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

void write_value(const TypeInfo* described, const void* value, JsonWriter& out);

void write_enum(const TypeInfo& type, const void* value, JsonWriter& out) {
  const std::int64_t number = type.get_enum(value);
  for (const EnumeratorInfo& enumerator : type.enumerators) {
    if (enumerator.value == number) {
      out.value(enumerator.name);
      return;
    }
  }
  out.value(number);
}

void write_struct(const TypeInfo& type, const void* value, JsonWriter& out) {
  out.begin_object();
  for (const FieldInfo& field : type.fields) {
    const void* member = field_at(value, field);
    const TypeInfo& member_type = resolve(&field.type(), member);
    if (member_type.kind != Kind::optional || member_type.ops.size(member) != 0) {
      out.plain_key(field.name);
      write_value(&member_type, member, out);
    }
  }
  out.end_object();
}

void write_sequence(const TypeInfo& type, const void* value, JsonWriter& out) {
  out.begin_array();
  const std::size_t count = type.ops.size(value);
  if (count != 0) {
    // Elements of a vector lie side by side.
    const TypeInfo& element = type.element();
    const char* at = static_cast<const char*>(type.ops.at(value, 0));
    for (std::size_t i = 0; i < count; ++i, at += element.size) {
      write_value(&element, at, out);
    }
  }
  out.end_array();
}

void write_map(const TypeInfo& type, const void* value, JsonWriter& out) {
  struct Context {
    const TypeInfo& element;
    JsonWriter& out;
  } context{type.element(), out};
  out.begin_object();
  type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
    const Context& at = *static_cast<const Context*>(raw);
    at.out.key(key);
    write_value(&at.element, element, at.out);
  });
  out.end_object();
}

void write_nested_variant(const TypeInfo& type, const void* value, JsonWriter& out) {
  const TypeInfo& active = type.alternatives[type.ops.active(value)]();
  out.begin_object().key(active.name);
  write_value(&active, type.ops.at(value, 0), out);
  out.end_object();
}

void write_value(const TypeInfo* described, const void* value, JsonWriter& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      out.value(*static_cast<const bool*>(value));
      return;
    case Kind::int32:
      out.value(*static_cast<const std::int32_t*>(value));
      return;
    case Kind::int64:
      out.value(*static_cast<const std::int64_t*>(value));
      return;
    case Kind::uint32:
      out.value(*static_cast<const std::uint32_t*>(value));
      return;
    case Kind::uint64:
      out.value(*static_cast<const std::uint64_t*>(value));
      return;
    case Kind::float64:
      out.value(*static_cast<const double*>(value));
      return;
    case Kind::string:
      out.value(*static_cast<const std::string*>(value));
      return;
    case Kind::enumeration:
      return write_enum(type, value, out);
    case Kind::optional:
      if (type.ops.size(value) == 0) {
        out.raw("null");
        return;
      }
      return write_value(&type.element(), type.ops.at(value, 0), out);
    case Kind::sequence:
      return write_sequence(type, value, out);
    case Kind::structure:
      return write_struct(type, value, out);
    case Kind::variant:
      return write_nested_variant(type, value, out);
    case Kind::map:
      return write_map(type, value, out);
  }
}

}  // namespace

void write_json(const TypeInfo& described, const void* value, JsonWriter& out) {
  const TypeInfo& type = resolve(&described, value);
  if (type.kind == Kind::variant) {
    write_value(&type.alternatives[type.ops.active(value)](), type.ops.at(value, 0), out);
  } else {
    write_value(&type, value, out);
  }
}

void encode_json(const TypeInfo& type, const void* value, std::string& out) {
  JsonWriter writer(out);
  write_json(type, value, writer);
}

}  // namespace millrace::codec
