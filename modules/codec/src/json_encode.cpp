// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "formats.hpp"
#include "millrace/codec/write_json.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

/// A number that JSON has no form for, on its way out to encode_json(); each level adds its part of
/// the path.
struct NotFinite {
  std::string path;
};

/// What JSON has no form for is refused, or written as null where people read it.
enum class NotFiniteAs : std::uint8_t { error, null };

struct Sink {
  JsonWriter& json;
  NotFiniteAs not_finite;
};

void write_value(const TypeInfo* described, const void* value, const Sink& out);

void write_double(double number, const Sink& out) {
  if (out.not_finite == NotFiniteAs::error && !std::isfinite(number)) throw NotFinite{};
  out.json.value(number);
}

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

void write_struct(const TypeInfo& type, const void* value, const Sink& out) {
  out.json.begin_object();
  const FieldInfo* at = nullptr;
  try {
    for (const FieldInfo& field : type.fields) {
      at = &field;
      const void* member = field_at(value, field);
      const TypeInfo& member_type = resolve(&field.type(), member);
      if (member_type.kind != Kind::optional || member_type.ops.size(member) != 0) {
        out.json.plain_key(field.name);
        write_value(&member_type, member, out);
      }
    }
  } catch (NotFinite& found) {
    found.path = std::string(at->name) + (found.path.empty() ? "" : ".") + found.path;
    throw;
  }
  out.json.end_object();
}

void write_sequence(const TypeInfo& type, const void* value, const Sink& out) {
  out.json.begin_array();
  const std::size_t count = type.ops.size(value);
  if (count != 0) {
    // Elements of a vector lie side by side.
    const TypeInfo& element = type.element();
    const char* at = static_cast<const char*>(type.ops.at(value, 0));
    for (std::size_t i = 0; i < count; ++i, at += element.size) {
      write_value(&element, at, out);
    }
  }
  out.json.end_array();
}

void write_map(const TypeInfo& type, const void* value, const Sink& out) {
  struct Context {
    const TypeInfo& element;
    const Sink& out;
  } context{type.element(), out};
  out.json.begin_object();
  type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
    const Context& at = *static_cast<const Context*>(raw);
    at.out.json.key(key);
    write_value(&at.element, element, at.out);
  });
  out.json.end_object();
}

void write_nested_variant(const TypeInfo& type, const void* value, const Sink& out) {
  const TypeInfo& active = type.alternatives[type.ops.active(value)]();
  out.json.begin_object().key(active.name);
  write_value(&active, type.ops.at(value, 0), out);
  out.json.end_object();
}

void write_value(const TypeInfo* described, const void* value, const Sink& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      out.json.value(*static_cast<const bool*>(value));
      return;
    case Kind::int32:
      out.json.value(*static_cast<const std::int32_t*>(value));
      return;
    case Kind::int64:
      out.json.value(*static_cast<const std::int64_t*>(value));
      return;
    case Kind::uint32:
      out.json.value(*static_cast<const std::uint32_t*>(value));
      return;
    case Kind::uint64:
      out.json.value(*static_cast<const std::uint64_t*>(value));
      return;
    case Kind::float64:
      return write_double(*static_cast<const double*>(value), out);
    case Kind::string:
      out.json.value(*static_cast<const std::string*>(value));
      return;
    case Kind::enumeration:
      return write_enum(type, value, out.json);
    case Kind::optional:
      if (type.ops.size(value) == 0) {
        out.json.raw("null");
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

void write_top(const TypeInfo& described, const void* value, const Sink& out) {
  const TypeInfo& type = resolve(&described, value);
  if (type.kind == Kind::variant) {
    write_value(&type.alternatives[type.ops.active(value)](), type.ops.at(value, 0), out);
  } else {
    write_value(&type, value, out);
  }
}

}  // namespace

void write_json(const TypeInfo& type, const void* value, JsonWriter& out) {
  write_top(type, value, {out, NotFiniteAs::null});
}

void encode_json(const TypeInfo& type, const void* value, std::string& out) {
  const std::size_t before = out.size();
  try {
    JsonWriter writer(out);
    write_top(type, value, {writer, NotFiniteAs::error});
  } catch (const NotFinite& found) {
    out.resize(before);
    throw std::domain_error((found.path.empty() ? std::string(type.name) : found.path) +
                            ": JSON has no form for infinities and for what is not a number");
  }
}

}  // namespace millrace::codec
