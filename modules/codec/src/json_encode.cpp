// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include "formats.hpp"
#include "json_text.hpp"
#include "transparent.hpp"
#include "writer.hpp"

namespace millrace::codec {
namespace {

void write_value(const TypeInfo* type, const void* value, Writer& out);

template <class Number>
void write_number(Writer& out, Number value) {
  char* const at = out.room(32);
  out.advance(std::to_chars(at, at + 32, value).ptr);
}

// JSON has no infinities; null reads back as not a number.
void write_double(Writer& out, double value) {
  if (std::isfinite(value)) {
    write_number(out, value);
  } else {
    out.put("null");
  }
}

void write_enum(const TypeInfo& type, const void* value, Writer& out) {
  const std::int64_t number = type.get_enum(value);
  for (const EnumeratorInfo& enumerator : type.enumerators) {
    if (enumerator.value == number) {
      write_json_string(out, enumerator.name);
      return;
    }
  }
  write_number(out, number);
}

void write_struct(const TypeInfo& type, const void* value, Writer& out) {
  out.put('{');
  bool first = true;
  for (const FieldInfo& field : type.fields) {
    const void* member = field_at(value, field);
    const TypeInfo& member_type = resolve(&field.type(), member);
    if (member_type.kind == Kind::optional && member_type.ops.size(member) == 0) {
      continue;
    }
    char* at = out.room(field.name.size() + 4);
    *at = ',';
    at += first ? 0 : 1;
    *at++ = '"';
    std::memcpy(at, field.name.data(), field.name.size());
    at += field.name.size();
    *at++ = '"';
    *at++ = ':';
    out.advance(at);
    write_value(&member_type, member, out);
    first = false;
  }
  out.put('}');
}

void write_sequence(const TypeInfo& type, const void* value, Writer& out) {
  out.put('[');
  const std::size_t count = type.ops.size(value);
  if (count != 0) {
    // Elements of a vector lie side by side.
    const TypeInfo& element = type.element();
    const char* at = static_cast<const char*>(type.ops.at(value, 0));
    write_value(&element, at, out);
    for (std::size_t i = 1; i < count; ++i) {
      at += element.size;
      out.put(',');
      write_value(&element, at, out);
    }
  }
  out.put(']');
}

void write_map(const TypeInfo& type, const void* value, Writer& out) {
  struct Context {
    const TypeInfo& element;
    Writer& out;
    bool first = true;
  } context{type.element(), out};
  out.put('{');
  type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
    Context& at = *static_cast<Context*>(raw);
    if (!at.first) {
      at.out.put(',');
    }
    at.first = false;
    write_json_string(at.out, key);
    at.out.put(':');
    write_value(&at.element, element, at.out);
  });
  out.put('}');
}

void write_nested_variant(const TypeInfo& type, const void* value, Writer& out) {
  const TypeInfo& active = type.alternatives[type.ops.active(value)]();
  out.put('{');
  write_json_string(out, active.name);
  out.put(':');
  write_value(&active, type.ops.at(value, 0), out);
  out.put('}');
}

void write_value(const TypeInfo* described, const void* value, Writer& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      return out.put(*static_cast<const bool*>(value) ? std::string_view("true")
                                                      : std::string_view("false"));
    case Kind::int32:
      return write_number(out, *static_cast<const std::int32_t*>(value));
    case Kind::int64:
      return write_number(out, *static_cast<const std::int64_t*>(value));
    case Kind::uint32:
      return write_number(out, *static_cast<const std::uint32_t*>(value));
    case Kind::uint64:
      return write_number(out, *static_cast<const std::uint64_t*>(value));
    case Kind::float64:
      return write_double(out, *static_cast<const double*>(value));
    case Kind::string:
      return write_json_string(out, *static_cast<const std::string*>(value));
    case Kind::enumeration:
      return write_enum(type, value, out);
    case Kind::optional:
      if (type.ops.size(value) == 0) {
        return out.put("null");
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

void encode_json(const TypeInfo& described, const void* value, std::string& out) {
  Writer writer(out);
  const TypeInfo& type = resolve(&described, value);
  if (type.kind == Kind::variant) {
    write_value(&type.alternatives[type.ops.active(value)](), type.ops.at(value, 0), writer);
  } else {
    write_value(&type, value, writer);
  }
}

}  // namespace millrace::codec
