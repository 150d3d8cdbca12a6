// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <bit>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

#include "failure.hpp"
#include "json_cursor.hpp"
#include "millrace/codec/codec.hpp"
#include "plain_digits.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

std::string shortened(std::string_view text) {
  constexpr std::size_t shown = 40;
  std::string result(text.substr(0, shown));
  if (text.size() > shown) result += "...";
  return result;
}

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : in_(text) {}

  Failure failure;

  bool read(const TypeInfo* described, void* out, int depth) {
    const TypeInfo& type = resolve(described, out);
    switch (type.kind) {
      case Kind::boolean:
        return read_bool(type, *static_cast<bool*>(out));
      case Kind::int32:
        return read_integer(type, *static_cast<std::int32_t*>(out));
      case Kind::int64:
        return read_integer(type, *static_cast<std::int64_t*>(out));
      case Kind::uint32:
        return read_integer(type, *static_cast<std::uint32_t*>(out));
      case Kind::uint64:
        return read_integer(type, *static_cast<std::uint64_t*>(out));
      case Kind::float64:
        return read_double(type, *static_cast<double*>(out));
      case Kind::string:
        return read_string(type, *static_cast<std::string*>(out));
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

  bool read_end() { return in_.at_end() || in_.fail("something follows the value") || malformed(); }

 private:
  bool malformed() { return failure.set(errc::malformed, in_.problem()); }

  // What has another type but is no JSON either is malformed first of all.
  bool wrong_type(const TypeInfo& type) {
    const char first = in_.peek();
    const char* const start = in_.position();
    if (!in_.skip(0)) {
      return malformed();
    }
    const std::string found =
        first == '{'   ? "an object"
        : first == '[' ? "a list"
                       : shortened({start, static_cast<std::size_t>(in_.position() - start)});
    return failure.set(errc::wrong_type,
                       "wanted " + std::string(wanted_name(type)) + ", found " + found);
  }

  bool unfit(const TypeInfo& type, std::string_view token) {
    return failure.set(errc::wrong_type,
                       "wanted " + std::string(type.name) + ", found " + shortened(token));
  }

  bool read_bool(const TypeInfo& type, bool& out) {
    const char next = in_.peek();
    if (next != 't' && next != 'f') {
      return wrong_type(type);
    }
    out = next == 't';
    return in_.literal(out ? "true" : "false") || malformed();
  }

  [[nodiscard]] bool number_follows() {
    const char next = in_.peek();
    return next == '-' || (next >= '0' && next <= '9');
  }

  template <class Integer>
  bool read_integer(const TypeInfo& type, Integer& out) {
    std::string_view token;
    bool integral = false;
    if (sizeof(Integer) == 8 && in_.peek() == '"') return read_text(type, out);
    if (!number_follows()) {
      return wrong_type(type);
    }
    if (!in_.number(token, integral)) {
      return malformed();
    }
    std::string_view digits = token;
    std::string plain;
    if (!integral) {
      plain = plain_digits(token);
      digits = plain;
    }
    if (digits == "-0") {
      digits.remove_prefix(1);
    }
    return read_digits(digits, out) || unfit(type, token);
  }

  // The form that other writers, and members declared as text, give what is beyond 2^53.
  template <class Integer>
  bool read_text(const TypeInfo& type, Integer& out) {
    std::string_view text;
    return in_.string(text, scratch_)
               ? read_digits(text, out) || unfit(type, "\"" + shortened(text) + "\"")
               : malformed();
  }

  bool read_double(const TypeInfo& type, double& out) {
    std::string_view token;
    bool integral = false;
    if (!number_follows()) {
      return wrong_type(type);
    }
    if (!in_.number(token, integral)) {
      return malformed();
    }
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), out);
    return parsed.ec == std::errc{} || unfit(type, token);
  }

  bool read_string(const TypeInfo& type, std::string& out) {
    std::string_view text;
    if (in_.peek() != '"') {
      return wrong_type(type);
    }
    if (!in_.string(text, scratch_)) {
      return malformed();
    }
    out.assign(text);
    return true;
  }

  bool read_enum(const TypeInfo& type, void* out) {
    std::string_view name;
    bool known = false;
    return take_enumerator(type, out, name, known) &&
           (known || take_fallback(type, out) || unfit(type, "\"" + shortened(name) + "\""));
  }

  // A newer writer may have more enumerators.
  static bool take_fallback(const TypeInfo& type, void* out) {
    if (type.fallback == nullptr) return false;
    type.set_enum(out, type.fallback->value);
    return true;
  }

  // Sets `out` if the name is known.
  bool take_enumerator(const TypeInfo& type, void* out, std::string_view& name, bool& known) {
    if (in_.peek() != '"') {
      return wrong_type(type);
    }
    if (!in_.string(name, scratch_)) {
      return malformed();
    }
    for (const EnumeratorInfo& enumerator : type.enumerators) {
      if (enumerator.name == name) {
        type.set_enum(out, enumerator.value);
        known = true;
        break;
      }
    }
    return true;
  }

  bool read_optional(const TypeInfo& type, void* out, int depth) {
    type.ops.clear(out);
    if (in_.peek() == 'n') {
      return in_.literal("null") || malformed();
    }
    void* element = type.ops.append(out);
    const TypeInfo& element_type = resolve(&type.element(), element);
    if (element_type.kind != Kind::enumeration) {
      return read(&element_type, element, depth);
    }
    std::string_view name;
    bool known = false;
    if (!take_enumerator(element_type, element, name, known)) {
      return false;
    }
    if (!known && !take_fallback(element_type, element)) {
      type.ops.clear(out);
    }
    return true;
  }

  // Goes into a list or object; `more` tells whether there is anything in it.
  bool enter(const TypeInfo& type, char open, char close, int depth, bool& more) {
    if (in_.peek() != open) {
      return wrong_type(type);
    }
    if (depth >= depth_max) {
      return failure.set(errc::malformed,
                         "nested deeper than " + std::to_string(depth_max) + " levels");
    }
    in_.take(open);
    more = !in_.take(close);
    return true;
  }

  bool read_sequence(const TypeInfo& type, void* out, int depth) {
    bool more = false;
    if (!enter(type, '[', ']', depth, more)) {
      return false;
    }
    type.ops.clear(out);
    const TypeInfo& element = type.element();
    for (std::size_t index = 0; more; ++index) {
      if (!read(&element, type.ops.append(out), depth + 1)) {
        return failure.in_element(index);
      }
      if (!in_.separator(']', more)) {
        malformed();
        return failure.in_element(index);
      }
    }
    return true;
  }

  // Takes a member's name: `found` is the index of the field, or the number of fields for a
  // stranger. Writers mostly keep the order of the declaration, so the field after the last one is
  // tried first.
  bool read_key(const TypeInfo& type, std::size_t expected, std::size_t& found) {
    const std::size_t count = type.fields.size();
    if (expected < count && in_.take_key(type.fields[expected].name)) [[likely]] {
      found = expected;
      return true;
    }
    std::string_view name;
    if (!in_.key(name, scratch_)) {
      return malformed();
    }
    for (found = 0; found < count && type.fields[found].name != name;) {
      ++found;
    }
    return true;
  }

  bool read_struct(const TypeInfo& type, void* out, int depth) {
    bool more = false;
    if (!enter(type, '{', '}', depth, more)) {
      return false;
    }
    const std::size_t count = type.fields.size();
    std::uint64_t missing = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    std::size_t index = 0;
    for (std::size_t expected = 0; more; expected = index + 1) {
      if (!read_key(type, expected, index)) {
        return false;
      }
      if (index == count) {
        index = expected - 1;
        if (!in_.skip(depth + 1)) {
          return malformed();
        }
      } else if (!read_member(type.fields[index], std::uint64_t{1} << index, missing, out, depth)) {
        return failure.in_field(type.fields[index].name);
      }
      if (!in_.separator('}', more)) {
        return malformed();
      }
    }
    return missing == 0 || fill_missing(type, missing, out);
  }

  bool read_member(const FieldInfo& field, std::uint64_t bit, std::uint64_t& missing, void* out,
                   int depth) {
    if ((missing & bit) == 0) {
      return failure.set(errc::malformed, "given twice");
    }
    missing &= ~bit;
    return read(&field.type(), field_at(out, field), depth + 1);
  }

  bool fill_missing(const TypeInfo& type, std::uint64_t missing, void* out) {
    for (; missing != 0; missing &= missing - 1) {
      const FieldInfo& field = type.fields[static_cast<std::size_t>(std::countr_zero(missing))];
      void* member = field_at(out, field);
      const TypeInfo& member_type = resolve(&field.type(), member);
      if (member_type.kind != Kind::optional && member_type.kind != Kind::sequence &&
          member_type.kind != Kind::map) {
        failure.set(errc::missing_field, "missing");
        return failure.in_field(field.name);
      }
      member_type.ops.clear(member);
    }
    return true;
  }

  bool read_variant(const TypeInfo& type, void* out, int depth) {
    bool more = false;
    if (!enter(type, '{', '}', depth, more)) {
      return false;
    }
    std::string_view name;
    if (more && !in_.key(name, scratch_)) {
      return malformed();
    }
    for (std::size_t index = 0; index < type.alternatives.size(); ++index) {
      const TypeInfo& alternative = type.alternatives[index]();
      if (alternative.name == name) {
        if (!read(&alternative, type.ops.emplace(out, index), depth + 1)) {
          return failure.in_field(alternative.name);
        }
        return (in_.separator('}', more) || malformed()) &&
               (!more || failure.set(errc::wrong_type, "wanted " + std::string(wanted_name(type)) +
                                                           ", found several"));
      }
    }
    return failure.set(errc::unknown_type,
                       "'" + shortened(name) + "' names none of the known alternatives");
  }

  bool read_map(const TypeInfo& type, void* out, int depth) {
    bool more = false;
    if (!enter(type, '{', '}', depth, more)) {
      return false;
    }
    type.ops.clear(out);
    const TypeInfo& element = type.element();
    for (std::size_t count = 1; more; ++count) {
      std::string_view name;
      if (!in_.key(name, scratch_)) {
        return malformed();
      }
      const std::string key(name);
      void* const slot = type.ops.insert(out, key);
      if (type.ops.size(out) != count) {
        failure.set(errc::malformed, "given twice");
        return failure.in_field(shortened(key));
      }
      if (!read(&element, slot, depth + 1)) {
        return failure.in_field(shortened(key));
      }
      if (!in_.separator('}', more)) {
        return malformed();
      }
    }
    return true;
  }

  JsonCursor in_;
  std::string scratch_;
};

}  // namespace

Status decode_json(const TypeInfo& described, std::string_view event_type, std::string_view bytes,
                   void* out) {
  const TypeInfo* type = &resolve(&described, out);
  if (type->kind == Kind::variant) {
    std::size_t index = 0;
    while (index < type->alternatives.size() &&
           !is_event_type(type->alternatives[index](), event_type)) {
      ++index;
    }
    if (index == type->alternatives.size()) {
      return fail(errc::unknown_type, "no event of type '{}' is known to this reader",
                  shortened(event_type));
    }
    out = type->ops.emplace(out, index);
    type = &type->alternatives[index]();
  }
  JsonReader reader(bytes);
  if (reader.read(type, out, 0) && reader.read_end()) {
    return {};
  }
  return reader.failure.answer();
}

}  // namespace millrace::codec
