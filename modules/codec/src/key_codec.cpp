// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "failure.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/codec/codec.hpp"
#include "transparent.hpp"

// Byte order is value order. Within a struct or list a string escapes 0x00 as 0x00 0xff and ends
// with 0x00 0x01, which sorts before any longer string; lists and maps mark each element with 0x01
// and their end with 0x00.
namespace millrace::codec {
namespace {

constexpr std::uint64_t sign = std::uint64_t{1} << 63U;

void put_string(ByteWriter& out, std::string_view text) {
  for (const char byte : text) {
    out.byte(byte);
    if (byte == '\0') {
      out.byte('\xff');
    }
  }
  out.bytes({"\0\1", 2});
}

// The bits of a double in an order that follows its values: negative ones count down.
std::uint64_t ordered(double value) {
  if (std::isnan(value)) throw std::domain_error("a key that is not a number is equal to no key");
  // -0.0 equals 0.0, and keys that are equal are one key.
  const auto bits = std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}
double from_ordered(std::uint64_t bits) {
  return std::bit_cast<double>((bits & sign) != 0 ? bits & ~sign : ~bits);
}

void put_value(const TypeInfo* described, const void* value, ByteWriter& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      out.byte(*static_cast<const bool*>(value) ? '\1' : '\0');
      return;
    case Kind::int32:
      out.big(static_cast<std::uint32_t>(*static_cast<const std::int32_t*>(value)) ^ 0x80000000U);
      return;
    case Kind::int64:
      out.big(static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(value)) ^ sign);
      return;
    case Kind::uint32:
      out.big(*static_cast<const std::uint32_t*>(value));
      return;
    case Kind::uint64:
      out.big(*static_cast<const std::uint64_t*>(value));
      return;
    case Kind::float64:
      out.big(ordered(*static_cast<const double*>(value)));
      return;
    case Kind::string:
      return put_string(out, *static_cast<const std::string*>(value));
    case Kind::enumeration:
      out.big(static_cast<std::uint64_t>(type.get_enum(value)) ^ sign);
      return;
    case Kind::optional:
    case Kind::sequence:
      for (std::size_t i = 0; i < type.ops.size(value); ++i) {
        out.byte('\1');
        put_value(&type.element(), type.ops.at(value, i), out);
      }
      out.byte('\0');
      return;
    case Kind::structure:
      for (const FieldInfo& field : type.fields) {
        put_value(&field.type(), field_at(value, field), out);
      }
      return;
    case Kind::variant:
      out.big(static_cast<std::uint32_t>(type.ops.active(value)));
      return put_value(&type.alternatives[type.ops.active(value)](), type.ops.at(value, 0), out);
    case Kind::map: {
      struct Context {
        const TypeInfo& element;
        ByteWriter& out;
      } context{type.element(), out};
      type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
        const Context& at = *static_cast<const Context*>(raw);
        at.out.byte('\1');
        put_string(at.out, key);
        put_value(&at.element, element, at.out);
      });
      out.byte('\0');
      return;
    }
  }
}

class KeyReader {
 public:
  explicit KeyReader(std::string_view in) : in_(in) {}

  Failure failure;

  [[nodiscard]] bool at_end() const { return in_.at_end(); }

  bool read(const TypeInfo* described, void* out, int depth) {
    if (depth >= depth_max) {
      return failure.set(errc::malformed, "a key is nested too deeply");
    }
    const TypeInfo& type = resolve(described, out);
    switch (type.kind) {
      case Kind::boolean: {
        const std::uint8_t byte = in_.byte();
        return (byte <= 1 || bad()) && assign<bool>(out, byte == 1);
      }
      case Kind::int32:
        return assign<std::int32_t>(out, in_.big<std::uint32_t>() ^ 0x80000000U);
      case Kind::int64:
        return assign<std::int64_t>(out, in_.big<std::uint64_t>() ^ sign);
      case Kind::uint32:
        return assign<std::uint32_t>(out, in_.big<std::uint32_t>());
      case Kind::uint64:
        return assign<std::uint64_t>(out, in_.big<std::uint64_t>());
      case Kind::float64:
        return assign<double>(out, from_ordered(in_.big<std::uint64_t>())) &&
               (!std::isnan(*static_cast<double*>(out)) || bad());
      case Kind::string:
        return read_string(*static_cast<std::string*>(out));
      case Kind::enumeration:
        return read_enum(type, static_cast<std::int64_t>(in_.big<std::uint64_t>() ^ sign), out);
      case Kind::optional:
      case Kind::sequence:
        return read_elements(type, out, depth);
      case Kind::structure:
        for (const FieldInfo& field : type.fields) {
          if (!read(&field.type(), field_at(out, field), depth + 1)) {
            return failure.in_field(field.name);
          }
        }
        return true;
      case Kind::variant: {
        const auto index = in_.big<std::uint32_t>();
        return all_there() && (index < type.alternatives.size() || bad()) &&
               read(&type.alternatives[index](), type.ops.emplace(out, index), depth + 1);
      }
      case Kind::map:
        return read_map(type, out, depth);
    }
    return false;
  }

 private:
  bool bad() { return failure.set(errc::malformed, "not a key of this type"); }

  bool all_there() { return in_.ok() || failure.set(errc::malformed, "the key is cut off"); }

  template <class T>
  bool assign(void* out, auto value) {
    *static_cast<T*>(out) = static_cast<T>(value);
    return all_there();
  }

  bool read_string(std::string& out) {
    out.clear();
    while (true) {
      const std::size_t zero = in_.rest().find('\0');
      const std::string_view part = in_.bytes(zero);
      in_.byte();
      const std::uint8_t mark = in_.byte();
      if (!in_.ok()) {
        return failure.set(errc::malformed, "a string in the key has no end");
      }
      out.append(part);
      if (mark != 0xff) {
        return mark == 1 || bad();
      }
      out.push_back('\0');
    }
  }

  bool read_enum(const TypeInfo& type, std::int64_t value, void* out) {
    if (!all_there()) {
      return false;
    }
    for (const EnumeratorInfo& enumerator : type.enumerators) {
      if (enumerator.value == value) {
        type.set_enum(out, value);
        return true;
      }
    }
    return bad();
  }

  bool another(bool& out) {
    const std::uint8_t mark = in_.byte();
    out = mark == 1;
    return all_there() && (mark <= 1 || bad());
  }

  bool read_elements(const TypeInfo& type, void* out, int depth) {
    type.ops.clear(out);
    bool more = false;
    while (another(more)) {
      if (!more) {
        return true;
      }
      if (type.kind == Kind::optional && type.ops.size(out) != 0) {
        return bad();
      }
      if (!read(&type.element(), type.ops.append(out), depth + 1)) {
        return false;
      }
    }
    return false;
  }

  bool read_map(const TypeInfo& type, void* out, int depth) {
    type.ops.clear(out);
    std::string key;
    bool more = false;
    while (another(more)) {
      if (!more) {
        return true;
      }
      if (!read_string(key) || !read(&type.element(), type.ops.insert(out, key), depth + 1)) {
        return false;
      }
    }
    return false;
  }

  ByteReader in_;
};

}  // namespace

void encode_key(const TypeInfo& described, const void* value, std::string& out) {
  const TypeInfo& type = resolve(&described, value);
  if (type.kind == Kind::string) {
    out.append(*static_cast<const std::string*>(value));
  } else {
    ByteWriter writer(out, 0);
    put_value(&type, value, writer);
  }
}

Status decode_key(const TypeInfo& described, std::string_view bytes, void* out) {
  const TypeInfo& type = resolve(&described, out);
  if (type.kind == Kind::string) {
    static_cast<std::string*>(out)->assign(bytes);
    return {};
  }
  KeyReader reader(bytes);
  if (reader.read(&type, out, 0) &&
      (reader.at_end() || reader.failure.set(errc::malformed, "bytes follow the key"))) {
    return {};
  }
  return reader.failure.answer();
}

}  // namespace millrace::codec
