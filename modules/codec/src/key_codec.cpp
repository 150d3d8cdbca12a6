// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <bit>
#include <cstdint>
#include <string>

#include "failure.hpp"
#include "millrace/codec/codec.hpp"
#include "transparent.hpp"

// Byte order is value order. Within a struct or list a string escapes 0x00 as 0x00 0xff and ends
// with 0x00 0x01, which sorts before any longer string; lists and maps mark each element with 0x01
// and their end with 0x00.
namespace millrace::codec {
namespace {

constexpr std::uint64_t sign = std::uint64_t{1} << 63U;

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes; i-- > 0;) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

void put_string(std::string& out, std::string_view text) {
  for (const char byte : text) {
    out.push_back(byte);
    if (byte == '\0') {
      out.push_back('\xff');
    }
  }
  out.append("\0\1", 2);
}

// The bits of a double in an order that follows its values: negative ones count down.
std::uint64_t ordered(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}
double from_ordered(std::uint64_t bits) {
  return std::bit_cast<double>((bits & sign) != 0 ? bits & ~sign : ~bits);
}

void put_value(const TypeInfo* described, const void* value, std::string& out) {
  const TypeInfo& type = resolve(described, value);
  switch (type.kind) {
    case Kind::boolean:
      return out.push_back(*static_cast<const bool*>(value) ? '\1' : '\0');
    case Kind::int32:
      return put_big_endian(
          out, static_cast<std::uint32_t>(*static_cast<const std::int32_t*>(value)) ^ 0x80000000U,
          4);
    case Kind::int64:
      return put_big_endian(
          out, static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(value)) ^ sign, 8);
    case Kind::uint32:
      return put_big_endian(out, *static_cast<const std::uint32_t*>(value), 4);
    case Kind::uint64:
      return put_big_endian(out, *static_cast<const std::uint64_t*>(value), 8);
    case Kind::float64:
      return put_big_endian(out, ordered(*static_cast<const double*>(value)), 8);
    case Kind::string:
      return put_string(out, *static_cast<const std::string*>(value));
    case Kind::enumeration:
      return put_big_endian(out, static_cast<std::uint64_t>(type.get_enum(value)) ^ sign, 8);
    case Kind::optional:
    case Kind::sequence:
      for (std::size_t i = 0; i < type.ops.size(value); ++i) {
        out.push_back('\1');
        put_value(&type.element(), type.ops.at(value, i), out);
      }
      return out.push_back('\0');
    case Kind::structure:
      for (const FieldInfo& field : type.fields) {
        put_value(&field.type(), field_at(value, field), out);
      }
      return;
    case Kind::variant:
      put_big_endian(out, type.ops.active(value), 4);
      return put_value(&type.alternatives[type.ops.active(value)](), type.ops.at(value, 0), out);
    case Kind::map: {
      struct Context {
        const TypeInfo& element;
        std::string& out;
      } context{type.element(), out};
      type.ops.for_each(value, &context, [](void* raw, std::string_view key, const void* element) {
        const Context& at = *static_cast<const Context*>(raw);
        at.out.push_back('\1');
        put_string(at.out, key);
        put_value(&at.element, element, at.out);
      });
      return out.push_back('\0');
    }
  }
}

class KeyReader {
 public:
  explicit KeyReader(std::string_view in) : in_(in) {}

  Failure failure;

  [[nodiscard]] bool at_end() const { return in_.empty(); }

  bool read(const TypeInfo* described, void* out, int depth) {
    if (depth >= depth_max) {
      return failure.set(errc::malformed, "a key is nested too deeply");
    }
    const TypeInfo& type = resolve(described, out);
    std::uint64_t bits = 0;
    switch (type.kind) {
      case Kind::boolean:
        return big_endian(bits, 1) && (bits <= 1 || bad()) && assign<bool>(out, bits == 1);
      case Kind::int32:
        return big_endian(bits, 4) &&
               assign<std::int32_t>(out, static_cast<std::int32_t>(bits ^ 0x80000000U));
      case Kind::int64:
        return big_endian(bits, 8) &&
               assign<std::int64_t>(out, static_cast<std::int64_t>(bits ^ sign));
      case Kind::uint32:
        return big_endian(bits, 4) && assign<std::uint32_t>(out, static_cast<std::uint32_t>(bits));
      case Kind::uint64:
        return big_endian(bits, 8) && assign<std::uint64_t>(out, bits);
      case Kind::float64:
        return big_endian(bits, 8) && assign<double>(out, from_ordered(bits));
      case Kind::string:
        return read_string(*static_cast<std::string*>(out));
      case Kind::enumeration:
        return big_endian(bits, 8) && read_enum(type, static_cast<std::int64_t>(bits ^ sign), out);
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
      case Kind::variant:
        return big_endian(bits, 4) && (bits < type.alternatives.size() || bad()) &&
               read(&type.alternatives[bits](), type.ops.emplace(out, bits), depth + 1);
      case Kind::map:
        return read_map(type, out, depth);
    }
    return false;
  }

 private:
  bool bad() { return failure.set(errc::malformed, "not a key of this type"); }

  template <class T>
  static bool assign(void* out, T value) {
    *static_cast<T*>(out) = value;
    return true;
  }

  bool big_endian(std::uint64_t& out, std::size_t bytes) {
    if (in_.size() < bytes) {
      return failure.set(errc::malformed, "the key is cut off");
    }
    for (std::size_t i = 0; i < bytes; ++i) {
      out = (out << 8U) | static_cast<unsigned char>(in_[i]);
    }
    in_.remove_prefix(bytes);
    return true;
  }

  bool read_string(std::string& out) {
    out.clear();
    for (std::size_t at = 0;;) {
      const std::size_t zero = in_.find('\0', at);
      if (zero == std::string_view::npos || zero + 1 == in_.size()) {
        return failure.set(errc::malformed, "a string in the key has no end");
      }
      out.append(in_.substr(at, zero - at));
      at = zero + 2;
      if (in_[zero + 1] == '\1') {
        in_.remove_prefix(at);
        return true;
      }
      if (in_[zero + 1] != '\xff') {
        return bad();
      }
      out.push_back('\0');
    }
  }

  bool read_enum(const TypeInfo& type, std::int64_t value, void* out) {
    for (const EnumeratorInfo& enumerator : type.enumerators) {
      if (enumerator.value == value) {
        type.set_enum(out, value);
        return true;
      }
    }
    return bad();
  }

  bool another(bool& out) {
    std::uint64_t mark = 0;
    if (!big_endian(mark, 1) || (mark > 1 && !bad())) {
      return false;
    }
    out = mark == 1;
    return true;
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

  std::string_view in_;
};

}  // namespace

void encode_key(const TypeInfo& described, const void* value, std::string& out) {
  const TypeInfo& type = resolve(&described, value);
  if (type.kind == Kind::string) {
    out.append(*static_cast<const std::string*>(value));
  } else {
    put_value(&type, value, out);
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
