// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <bit>
#include <cstdint>
#include <string>

#include "millrace/base/byte_writer.hpp"
#include "millrace/codec/codec.hpp"
#include "transparent.hpp"

// The bytes are described in docs/formats/private_binary.md.
namespace millrace::codec {
namespace {

void write_value(const TypeInfo* described, const void* value, ByteWriter& out);

// Most bodies are shorter than 128 bytes: one byte is left for the length, and a longer body moves
// over to make room.
void write_struct(const TypeInfo& type, const void* value, ByteWriter& out) {
  out.byte('\0');
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

void write_sequence(const TypeInfo& type, const void* value, ByteWriter& out) {
  const std::size_t count = type.ops.size(value);
  out.varint(count);
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

void write_map(const TypeInfo& type, const void* value, ByteWriter& out) {
  struct Context {
    const TypeInfo& element;
    ByteWriter& out;
  } context{type.element(), out};
  out.varint(type.ops.size(value));
  type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
    const Context& at = *static_cast<const Context*>(raw);
    at.out.varint_text<std::uint64_t>(key);
    write_value(&at.element, element, at.out);
  });
}

void write_variant(const TypeInfo& type, const void* value, ByteWriter& out) {
  const std::size_t index = type.ops.active(value);
  out.varint(index);
  write_value(&type.alternatives[index](), type.ops.at(value, 0), out);
}

void write_value(const TypeInfo* described, const void* value, ByteWriter& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      out.byte(*static_cast<const bool*>(value) ? '\1' : '\0');
      return;
    case Kind::int32:
      out.varint(*static_cast<const std::int32_t*>(value));
      return;
    case Kind::int64:
      out.varint(*static_cast<const std::int64_t*>(value));
      return;
    case Kind::uint32:
      out.varint(*static_cast<const std::uint32_t*>(value));
      return;
    case Kind::uint64:
      out.varint(*static_cast<const std::uint64_t*>(value));
      return;
    case Kind::float64:
      out.little(std::bit_cast<std::uint64_t>(*static_cast<const double*>(value)));
      return;
    case Kind::string:
      out.varint_text<std::uint64_t>(*static_cast<const std::string*>(value));
      return;
    case Kind::enumeration:
      out.varint(type.get_enum(value));
      return;
    case Kind::optional:
      if (type.ops.size(value) == 0) {
        out.byte('\0');
        return;
      }
      out.byte('\1');
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
  ByteWriter writer(out);
  write_value(&type, value, writer);
}

}  // namespace millrace::codec
