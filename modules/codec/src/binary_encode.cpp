// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <bit>
#include <cstdint>
#include <string>

#include "formats.hpp"
#include "transparent.hpp"
#include "varint.hpp"
#include "writer.hpp"

// The bytes are described in docs/formats/private_binary.md.
namespace millrace::codec {
namespace {

void write_value(const TypeInfo* described, const void* value, Writer& out);

void write_unsigned(Writer& out, std::uint64_t value) {
  out.advance(write_varint(out.room(varint_bytes_max), value));
}
void write_signed(Writer& out, std::int64_t value) { write_unsigned(out, zigzag(value)); }

void write_string(Writer& out, std::string_view text) {
  char* const at = write_varint(out.room(varint_bytes_max + text.size()), text.size());
  std::memcpy(at, text.data(), text.size());
  out.advance(at + text.size());
}

void write_double(Writer& out, double value) {
  auto bits = std::bit_cast<std::uint64_t>(value);
  char* at = out.room(8);
  for (int i = 0; i < 8; ++i, bits >>= 8U) {
    *at++ = static_cast<char>(bits);
  }
  out.advance(at);
}

// Most bodies are shorter than 128 bytes: one byte is left for the length, and a longer body moves
// over to make room.
void write_struct(const TypeInfo& type, const void* value, Writer& out) {
  out.put('\0');
  const std::size_t start = out.position();
  for (const FieldInfo& field : type.fields) {
    write_value(&field.type(), field_at(value, field), out);
  }
  const std::size_t length = out.position() - start;
  if (length < 0x80) {
    *out.at(start - 1) = static_cast<char>(length);
    return;
  }
  char prefix[varint_bytes_max];
  const auto prefix_bytes = static_cast<std::size_t>(write_varint(prefix, length) - prefix);
  out.advance(out.room(prefix_bytes) + (prefix_bytes - 1));
  std::memmove(out.at(start + prefix_bytes - 1), out.at(start), length);
  std::memcpy(out.at(start - 1), prefix, prefix_bytes);
}

void write_sequence(const TypeInfo& type, const void* value, Writer& out) {
  const std::size_t count = type.ops.size(value);
  write_unsigned(out, count);
  if (count == 0) {
    return;
  }
  // Elements of a vector lie side by side.
  const TypeInfo& element = type.element();
  const char* at = static_cast<const char*>(type.ops.at(value, 0));
  for (std::size_t i = 0; i < count; ++i, at += element.size) {
    write_value(&element, at, out);
  }
}

void write_map(const TypeInfo& type, const void* value, Writer& out) {
  struct Context {
    const TypeInfo& element;
    Writer& out;
  } context{type.element(), out};
  write_unsigned(out, type.ops.size(value));
  type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
    const Context& at = *static_cast<const Context*>(raw);
    write_string(at.out, key);
    write_value(&at.element, element, at.out);
  });
}

void write_variant(const TypeInfo& type, const void* value, Writer& out) {
  const std::size_t index = type.ops.active(value);
  write_unsigned(out, index);
  write_value(&type.alternatives[index](), type.ops.at(value, 0), out);
}

void write_value(const TypeInfo* described, const void* value, Writer& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      return out.put(*static_cast<const bool*>(value) ? '\1' : '\0');
    case Kind::int32:
      return write_signed(out, *static_cast<const std::int32_t*>(value));
    case Kind::int64:
      return write_signed(out, *static_cast<const std::int64_t*>(value));
    case Kind::uint32:
      return write_unsigned(out, *static_cast<const std::uint32_t*>(value));
    case Kind::uint64:
      return write_unsigned(out, *static_cast<const std::uint64_t*>(value));
    case Kind::float64:
      return write_double(out, *static_cast<const double*>(value));
    case Kind::string:
      return write_string(out, *static_cast<const std::string*>(value));
    case Kind::enumeration:
      return write_signed(out, type.get_enum(value));
    case Kind::optional:
      if (type.ops.size(value) == 0) {
        return out.put('\0');
      }
      out.put('\1');
      return write_value(&type.element(), type.ops.at(value, 0), out);
    case Kind::sequence:
      return write_sequence(type, value, out);
    case Kind::structure:
      return write_struct(type, value, out);
    case Kind::variant:
      return write_variant(type, value, out);
    case Kind::map:
      return write_map(type, value, out);
  }
}

}  // namespace

void encode_binary(const TypeInfo& type, const void* value, std::string& out) {
  Writer writer(out);
  write_value(&type, value, writer);
}

}  // namespace millrace::codec
