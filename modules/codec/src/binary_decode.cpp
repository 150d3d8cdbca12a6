// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>

#include "failure.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/typed_object.hpp"
#include "transparent.hpp"

// The bytes are described in docs/formats/private_binary.md.
namespace millrace::codec {
namespace {

class BinaryReader {
 public:
  explicit BinaryReader(std::string_view in) : in_(in) {}

  Failure failure;

  [[nodiscard]] bool at_end() const { return in_.at_end(); }

  bool read(const TypeInfo* described, void* out, int depth) {
    const TypeInfo& type = resolve(described, out);
    switch (type.kind) {
      case Kind::boolean:
        return read_bool(*static_cast<bool*>(out));
      case Kind::int32:
        return read_signed<std::int32_t>(out);
      case Kind::int64:
        return read_signed<std::int64_t>(out);
      case Kind::uint32:
        return read_unsigned<std::uint32_t>(out);
      case Kind::uint64:
        return read_unsigned<std::uint64_t>(out);
      case Kind::float64:
        return read_double(*static_cast<double*>(out));
      case Kind::string:
        return read_string(*static_cast<std::string*>(out));
      case Kind::enumeration:
        return read_enum(type, out);
      case Kind::optional:
        return read_optional(type, out, depth);
      case Kind::sequence:
        return read_sequence(type, out, depth);
      case Kind::structure:
        return read_struct(type, out, depth);
      case Kind::variant:
        return read_variant(type, out, depth);
      case Kind::map:
        return read_map(type, out, depth);
    }
    return false;
  }

 private:
  bool cut_off() { return failure.set(errc::malformed, "the bytes end within the value"); }

  bool varint(std::uint64_t& out) {
    out = in_.varint<std::uint64_t>();
    return in_.ok() || failure.set(errc::malformed, "a number is cut off or longer than 64 bits");
  }

  bool enter(int depth) {
    return depth < depth_max ||
           failure.set(errc::malformed,
                       "nested deeper than " + std::to_string(depth_max) + " levels");
  }

  bool read_bool(bool& out) {
    const std::uint8_t byte = in_.byte();
    if (!in_.ok()) {
      return cut_off();
    }
    if (byte > 1) {
      return failure.set(errc::malformed, "a byte that is 0 or 1 is neither");
    }
    out = byte == 1;
    return true;
  }

  template <class Integer>
  bool store(auto value, void* out) {
    if (!std::in_range<Integer>(value)) {
      return failure.set(errc::wrong_type, "wanted 32 bits, found " + std::to_string(value));
    }
    *static_cast<Integer*>(out) = static_cast<Integer>(value);
    return true;
  }

  template <class Integer>
  bool read_signed(void* out) {
    std::uint64_t raw = 0;
    return varint(raw) && store<Integer>(unzigzag(raw), out);
  }

  template <class Integer>
  bool read_unsigned(void* out) {
    std::uint64_t raw = 0;
    return varint(raw) && store<Integer>(raw, out);
  }

  bool read_double(double& out) {
    out = std::bit_cast<double>(in_.little<std::uint64_t>());
    return in_.ok() || cut_off();
  }

  bool read_view(std::string_view& out) {
    std::uint64_t size = 0;
    if (!varint(size)) {
      return false;
    }
    out = in_.bytes(size);
    return in_.ok() || cut_off();
  }

  bool read_string(std::string& out) {
    std::string_view text;
    if (!read_view(text)) {
      return false;
    }
    out.assign(text);
    return true;
  }

  bool read_enum(const TypeInfo& type, void* out) {
    std::uint64_t raw = 0;
    if (!varint(raw)) {
      return false;
    }
    const std::int64_t value = unzigzag(raw);
    for (const EnumeratorInfo& enumerator : type.enumerators) {
      if (enumerator.value == value) {
        type.set_enum(out, value);
        return true;
      }
    }
    return failure.set(errc::wrong_type, "wanted " + std::string(type.name) +
                                             ", found the number " + std::to_string(value));
  }

  bool read_optional(const TypeInfo& type, void* out, int depth) {
    bool present = false;
    if (!read_bool(present)) {
      return false;
    }
    type.ops.clear(out);
    return !present || read(&type.element(), type.ops.append(out), depth);
  }

  // Each element takes a byte at least, so a count beyond the bytes left is a lie that must not
  // cost memory.
  bool count(std::uint64_t& out) { return varint(out) && (out <= in_.left() || cut_off()); }

  bool read_sequence(const TypeInfo& type, void* out, int depth) {
    std::uint64_t elements = 0;
    if (!enter(depth) || !count(elements)) {
      return false;
    }
    const TypeInfo& element = type.element();
    type.ops.clear(out);
    constexpr std::uint64_t believed = 256;
    type.ops.reserve(out, std::min(elements, believed));
    for (std::uint64_t i = 0; i < elements; ++i) {
      if (!read(&element, type.ops.append(out), depth + 1)) {
        return failure.in_element(i);
      }
    }
    return true;
  }

  bool read_map(const TypeInfo& type, void* out, int depth) {
    std::uint64_t elements = 0;
    if (!enter(depth) || !count(elements)) {
      return false;
    }
    const TypeInfo& element = type.element();
    type.ops.clear(out);
    for (std::uint64_t i = 0; i < elements; ++i) {
      std::string_view key;
      if (!read_view(key) || !read(&element, type.ops.insert(out, key), depth + 1)) {
        return failure.in_element(i);
      }
    }
    return type.ops.size(out) == elements || failure.set(errc::malformed, "a map has a key twice");
  }

  bool read_struct(const TypeInfo& type, void* out, int depth) {
    std::string_view body;
    if (!enter(depth) || !read_view(body)) {
      return false;
    }
    const ByteReader rest = std::exchange(in_, ByteReader(body));
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      if (in_.at_end()) {
        take_defaults(type, i, out);
        break;
      }
      const FieldInfo& field = type.fields[i];
      if (!read(&field.type(), field_at(out, field), depth + 1)) {
        return failure.in_field(field.name);
      }
    }
    // What is left of the body was written by a newer version of the type.
    in_ = rest;
    return true;
  }

  static void take_defaults(const TypeInfo& type, std::size_t first, void* out) {
    const TypedObject defaults(type);
    for (const FieldInfo& field : type.fields.subspan(first)) {
      const TypeInfo& member = field.type();
      member.destroy(field_at(out, field));
      member.copy(field_at(out, field), field_at(defaults.get(), field));
    }
  }

  bool read_variant(const TypeInfo& type, void* out, int depth) {
    std::uint64_t index = 0;
    if (!enter(depth) || !varint(index)) {
      return false;
    }
    if (index >= type.alternatives.size()) {
      return failure.set(errc::unknown_type, "alternative " + std::to_string(index) +
                                                 " is not known, there are " +
                                                 std::to_string(type.alternatives.size()));
    }
    const TypeInfo& alternative = type.alternatives[index]();
    if (!read(&alternative, type.ops.emplace(out, index), depth + 1)) {
      return failure.in_field(alternative.name);
    }
    return true;
  }

  ByteReader in_;
};

}  // namespace

Status decode_binary(const TypeInfo& type, std::string_view bytes, void* out) {
  BinaryReader reader(bytes);
  if (reader.read(&type, out, 0) &&
      (reader.at_end() || reader.failure.set(errc::malformed, "bytes follow the value"))) {
    return {};
  }
  return reader.failure.answer();
}

}  // namespace millrace::codec
