// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/converter.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "failure.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/codec/codec.hpp"
#include "plain_name.hpp"
#include "transparent.hpp"

// The bytes are described in docs/formats/private_binary.md.
namespace millrace::codec {
namespace {

/// Reads bytes that were written as a shape into an object that is default-constructed.
class ShapedReader {
 public:
  explicit ShapedReader(std::string_view in) : in_(in) {}

  Failure failure;

  [[nodiscard]] bool at_end() const { return in_.at_end(); }

  /// A shape and those that hold it.
  struct Node {
    const TypeShape& shape;
    const Node* holder;
  };

  /// Without a type the value is passed over.
  bool read(const Node& found, const TypeInfo* described, void* out, int depth) {
    if (depth >= depth_max)
      return failure.set(errc::malformed,
                         "nested deeper than " + std::to_string(depth_max) + " levels");
    Node node = found;
    for (std::int64_t up = found.shape.number; up > 0; --up) {
      if (node.holder == nullptr) return failure.set(errc::malformed, "no type that far up");
      if (up == 1) return read(*node.holder, described, out, depth);
      node.holder = node.holder->holder;
    }
    const TypeInfo* const type = described == nullptr ? nullptr : &resolve(described, out);
    switch (node.shape.kind) {
      case Kind::boolean:
        return read_bool(static_cast<bool*>(out));
      case Kind::int32:
      case Kind::int64:
        return read_signed(type, out);
      case Kind::uint32:
      case Kind::uint64:
        return read_unsigned(type, out);
      case Kind::float64:
        return read_double(static_cast<double*>(out));
      case Kind::string:
        return read_string(static_cast<std::string*>(out));
      case Kind::enumeration:
        return read_enum(node.shape, type, out);
      case Kind::optional:
        return read_optional(node, type, out, depth);
      case Kind::sequence:
        return read_sequence(node, type, out, depth);
      case Kind::structure:
        return read_struct(node, type, out, depth);
      case Kind::variant:
        return read_variant(node, type, out, depth);
      case Kind::map:
        return read_map(node, type, out, depth);
    }
    return false;
  }

 private:
  bool cut_off() { return failure.set(errc::malformed, "the bytes end within the value"); }

  bool varint(std::uint64_t& out) {
    out = in_.varint<std::uint64_t>();
    return in_.ok() || failure.set(errc::malformed, "a number is cut off or longer than 64 bits");
  }

  bool read_bool(bool* out) {
    const std::uint8_t byte = in_.byte();
    if (!in_.ok()) return cut_off();
    if (byte > 1) return failure.set(errc::malformed, "a byte that is 0 or 1 is neither");
    if (out != nullptr) *out = byte == 1;
    return true;
  }

  template <class Integer>
  bool store(auto value, void* out) {
    if (!std::in_range<Integer>(value))
      return failure.set(errc::wrong_type, "wanted 32 bits, found " + std::to_string(value));
    *static_cast<Integer*>(out) = static_cast<Integer>(value);
    return true;
  }

  bool read_signed(const TypeInfo* type, void* out) {
    std::uint64_t raw = 0;
    if (!varint(raw)) return false;
    if (type == nullptr) return true;
    return type->kind == Kind::int32 ? store<std::int32_t>(unzigzag(raw), out)
                                     : store<std::int64_t>(unzigzag(raw), out);
  }

  bool read_unsigned(const TypeInfo* type, void* out) {
    std::uint64_t raw = 0;
    if (!varint(raw)) return false;
    if (type == nullptr) return true;
    return type->kind == Kind::uint32 ? store<std::uint32_t>(raw, out)
                                      : store<std::uint64_t>(raw, out);
  }

  bool read_double(double* out) {
    const auto value = std::bit_cast<double>(in_.little<std::uint64_t>());
    if (!in_.ok()) return cut_off();
    if (out != nullptr) *out = value;
    return true;
  }

  bool read_view(std::string_view& out) {
    std::uint64_t size = 0;
    if (!varint(size)) return false;
    out = in_.bytes(size);
    return in_.ok() || cut_off();
  }

  bool read_string(std::string* out) {
    std::string_view text;
    if (!read_view(text)) return false;
    if (out != nullptr) out->assign(text);
    return true;
  }

  bool read_enum(const TypeShape& shape, const TypeInfo* type, void* out) {
    std::uint64_t raw = 0;
    if (!varint(raw)) return false;
    const auto old = std::find_if(
        shape.parts.begin(), shape.parts.end(),
        [&](const TypeShape& enumerator) { return enumerator.number == unzigzag(raw); });
    if (old == shape.parts.end())
      return failure.set(errc::malformed,
                         "the number " + std::to_string(unzigzag(raw)) + " is no enumerator");
    if (type == nullptr) return true;
    for (const EnumeratorInfo& enumerator : type->enumerators) {
      if (enumerator.name != old->name) continue;
      type->set_enum(out, enumerator.value);
      return true;
    }
    return failure.set(errc::wrong_type, std::string(type->name) + " has no " + old->name);
  }

  bool read_element(const Node& node, const TypeInfo* type, void* out, int depth) {
    return read({node.shape.parts.front(), &node}, type == nullptr ? nullptr : &type->element(),
                out, depth + 1);
  }

  bool read_optional(const Node& node, const TypeInfo* type, void* out, int depth) {
    bool present = false;
    if (!read_bool(&present)) return false;
    clear(type, out);
    return !present ||
           read_element(node, type, type == nullptr ? nullptr : type->ops.append(out), depth);
  }

  // A member's initialiser is no part of what was written.
  static void clear(const TypeInfo* type, void* out) {
    if (type != nullptr) type->ops.clear(out);
  }

  // Each element takes a byte at least.
  bool count(std::uint64_t& out) { return varint(out) && (out <= in_.left() || cut_off()); }

  bool read_sequence(const Node& node, const TypeInfo* type, void* out, int depth) {
    std::uint64_t elements = 0;
    if (!count(elements)) return false;
    clear(type, out);
    for (std::uint64_t i = 0; i < elements; ++i) {
      if (!read_element(node, type, type == nullptr ? nullptr : type->ops.append(out), depth))
        return failure.in_element(i);
    }
    return true;
  }

  bool read_map(const Node& node, const TypeInfo* type, void* out, int depth) {
    std::uint64_t elements = 0;
    if (!count(elements)) return false;
    clear(type, out);
    for (std::uint64_t i = 0; i < elements; ++i) {
      std::string_view key;
      if (!read_view(key) ||
          !read_element(node, type, type == nullptr ? nullptr : type->ops.insert(out, key), depth))
        return failure.in_element(i);
    }
    return type == nullptr || type->ops.size(out) == elements ||
           failure.set(errc::malformed, "a map has a key twice");
  }

  static const FieldInfo* field_named(const TypeInfo* type, std::string_view name) {
    if (type == nullptr) return nullptr;
    const auto found = std::find_if(type->fields.begin(), type->fields.end(),
                                    [&](const FieldInfo& field) { return field.name == name; });
    return found == type->fields.end() ? nullptr : &*found;
  }

  bool read_struct(const Node& node, const TypeInfo* type, void* out, int depth) {
    std::string_view body;
    if (!read_view(body)) return false;
    const ByteReader rest = std::exchange(in_, ByteReader(body));
    for (const TypeShape& member : node.shape.parts) {
      // Written before the rest of the members was added.
      if (in_.at_end()) break;
      const FieldInfo* const field = field_named(type, member.name);
      if (!read({member, &node}, field == nullptr ? nullptr : &field->type(),
                field == nullptr ? nullptr : field_at(out, *field), depth + 1))
        return failure.in_field(member.name);
    }
    in_ = rest;
    return true;
  }

  bool read_variant(const Node& node, const TypeInfo* type, void* out, int depth) {
    std::uint64_t index = 0;
    if (!varint(index)) return false;
    if (index >= node.shape.parts.size())
      return failure.set(errc::malformed, "there is no alternative " + std::to_string(index));
    const TypeShape& old = node.shape.parts[index];
    if (type == nullptr) return read({old, &node}, nullptr, nullptr, depth + 1);
    for (std::size_t i = 0; i < type->alternatives.size(); ++i) {
      const TypeInfo& alternative = type->alternatives[i]();
      if (plain_name(alternative.name) != old.name) continue;
      return read({old, &node}, &alternative, type->ops.emplace(out, i), depth + 1) ||
             failure.in_field(alternative.name);
    }
    return failure.set(errc::unknown_type, "there is no alternative " + old.name + " any more");
  }

  ByteReader in_;
};

}  // namespace

Converter::Converter(TypeShape written, const TypeInfo& now)
    : written_(std::move(written)), object_(now) {}

Result<std::string_view> Converter::convert(std::string_view bytes) {
  object_.type().reset(object_.get());
  ShapedReader reader(bytes);
  if (!reader.read({written_, nullptr}, &object_.type(), object_.get(), 0) ||
      (!reader.at_end() && !reader.failure.set(errc::malformed, "bytes follow the value")))
    return reader.failure.answer();
  converted_.clear();
  encode_binary(object_.type(), object_.get(), converted_);
  return std::string_view(converted_);
}

}  // namespace millrace::codec
