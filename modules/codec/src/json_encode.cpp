// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/write_json.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

/// A number that is not written to JSON, on its way out to encode_json(); each level adds its part
/// of the path.
struct Refused {
  std::string path;
  std::string reason;
};

/// Events are read by others, so that a number they cannot take is refused. People get the number,
/// or null where JSON has no form for it.
enum class Reader : std::uint8_t { program, person };

struct Sink {
  JsonWriter& json;
  Reader reader;
  bool as_text = false;  ///< integers of 64 bits
};

/// Doubles, which is what most readers of JSON have, tell integers apart up to here.
constexpr std::int64_t exact_max = std::int64_t{1} << 53;

void write_value(const TypeInfo* described, const void* value, const Sink& out);

void write_double(double number, const Sink& out) {
  if (out.reader == Reader::program && !std::isfinite(number)) {
    throw Refused{{}, "JSON has no form for infinities and for what is not a number"};
  }
  out.json.value(number);
}

template <class Integer>
void write_long(Integer number, const Sink& out) {
  if (out.as_text) {
    out.json.value(std::to_string(number));
    return;
  }
  if (out.reader == Reader::program &&
      (std::cmp_greater(number, exact_max) || std::cmp_less(number, -exact_max))) {
    throw Refused{{},
                  std::to_string(number) +
                      " is beyond 2^53, where most readers of JSON round; name the member in " +
                      "millrace_as_text (" + std::string(codec::errc::number_too_large.name) + ")"};
  }
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
        write_value(&member_type, member, {out.json, out.reader, field.as_text});
      }
    }
  } catch (Refused& found) {
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
      return write_long(*static_cast<const std::int64_t*>(value), out);
    case Kind::uint32:
      out.json.value(*static_cast<const std::uint32_t*>(value));
      return;
    case Kind::uint64:
      return write_long(*static_cast<const std::uint64_t*>(value), out);
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
  write_top(type, value, {out, Reader::person});
}

void encode_json(const TypeInfo& type, const void* value, std::string& out) {
  const std::size_t before = out.size();
  try {
    JsonWriter writer(out);
    write_top(type, value, {writer, Reader::program});
  } catch (const Refused& found) {
    out.resize(before);
    throw std::domain_error((found.path.empty() ? std::string(type.name) : found.path) + ": " +
                            found.reason);
  }
}

}  // namespace millrace::codec
