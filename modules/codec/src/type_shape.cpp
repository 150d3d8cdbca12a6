// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/type_shape.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "millrace/codec/codec.hpp"
#include "plain_name.hpp"
#include "transparent.hpp"

// The text is described in docs/formats/manifest.md.
namespace millrace::codec {
namespace {

// In the order of Kind; those that are empty have a form of their own.
constexpr std::array<std::string_view, 13> kind_names = {
    "bool", "int32", "int64", "uint32", "uint64", "double", "string", "", "", "", "", "", ""};

std::string_view name_of(Kind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

using Path = std::vector<const TypeInfo*>;

TypeShape describe(const TypeInfo& described, Path& path) {
  const char* nobody = nullptr;
  const TypeInfo& type = resolve(&described, nobody);
  TypeShape shape;
  shape.kind = type.kind;
  const auto held = std::find(path.rbegin(), path.rend(), &type);
  if (held != path.rend()) {
    shape.number = held - path.rbegin() + 1;
    return shape;
  }
  path.push_back(&type);
  const auto add = [&](std::string name, const TypeInfo& part) {
    shape.parts.push_back(describe(part, path));
    shape.parts.back().name = std::move(name);
  };
  for (const FieldInfo& field : type.fields)
    add(std::string(field.name), field.type());
  for (const auto alternative : type.alternatives)
    add(plain_name(alternative().name), alternative());
  if (type.element != nullptr) add({}, type.element());
  for (const EnumeratorInfo& enumerator : type.enumerators)
    shape.parts.push_back({Kind::int64, std::string(enumerator.name), enumerator.value, {}});
  path.pop_back();
  return shape;
}

std::string list_of(const TypeShape& shape, char separator) {
  std::string out;
  for (const TypeShape& part : shape.parts) {
    if (!out.empty()) out.push_back(separator);
    if (shape.kind == Kind::enumeration) {
      out.append(part.name).append("=").append(std::to_string(part.number));
    } else {
      out.append(part.name).append(":").append(to_text(part));
    }
  }
  return out;
}

/// Reads what to_text() writes.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool type(TypeShape& out, int depth) {
    if (depth >= depth_max || !base(out, depth)) return false;
    while (take("?")) {
      TypeShape optional;
      optional.kind = Kind::optional;
      optional.parts.push_back(std::move(out));
      out = std::move(optional);
    }
    return true;
  }

 private:
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  bool name(std::string& out) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_name_character);
    out.assign(rest_.begin(), end);
    rest_.remove_prefix(out.size());
    return !out.empty();
  }

  bool number(std::int64_t& out) {
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    if (read.ec != std::errc{}) return false;
    rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
    return true;
  }

  bool base(TypeShape& out, int depth) {
    if (take("[")) return element(Kind::sequence, out, depth);
    if (take("map[")) return element(Kind::map, out, depth);
    if (take("{")) return parts(Kind::structure, ",", "}", out, depth);
    if (take("(")) return parts(Kind::variant, "|", ")", out, depth);
    if (take("enum(")) return parts(Kind::enumeration, ",", ")", out, depth);
    if (take("^")) {
      // Only what has parts can hold itself.
      out.kind = Kind::structure;
      return number(out.number) && out.number > 0;
    }
    std::string scalar;
    if (!name(scalar)) return false;
    const auto found = std::find(kind_names.begin(), kind_names.end(), scalar);
    out.kind = static_cast<Kind>(found - kind_names.begin());
    return found != kind_names.end();
  }

  bool element(Kind kind, TypeShape& out, int depth) {
    out.kind = kind;
    return type(out.parts.emplace_back(), depth + 1) && take("]");
  }

  bool parts(Kind kind, std::string_view separator, std::string_view end, TypeShape& out,
             int depth) {
    out.kind = kind;
    if (take(end)) return true;
    do {
      TypeShape part;
      std::string called;
      if (!name(called)) return false;
      if (kind == Kind::enumeration) {
        part.kind = Kind::int64;
        if (!take("=") || !number(part.number)) return false;
      } else if (!take(":") || !type(part, depth + 1)) {
        return false;
      }
      part.name = std::move(called);
      out.parts.push_back(std::move(part));
    } while (take(separator));
    return take(end);
  }

  std::string_view rest_;
};

bool widens(Kind written, Kind now) {
  return (written == Kind::int32 && now == Kind::int64) ||
         (written == Kind::uint32 && now == Kind::uint64);
}

std::string at(const std::string& name, std::string problem) {
  if (name.empty()) return problem;
  // A path is joined by dots, and ends where the problem begins.
  const bool path = problem.find(": ") < problem.find(' ');
  return name + (path ? "." : ": ") + problem;
}

std::string differ(const TypeShape& written, const TypeShape& now) {
  return "was " + to_text(written) + ", is " + to_text(now);
}

const TypeShape* part_named(const TypeShape& shape, const std::string& name) {
  const auto found = std::find_if(shape.parts.begin(), shape.parts.end(),
                                  [&](const TypeShape& part) { return part.name == name; });
  return found == shape.parts.end() ? nullptr : &*found;
}

bool leaves_out_members(const TypeShape& written, const TypeShape& now) {
  if (written.kind == Kind::structure && written.parts.size() > now.parts.size()) return true;
  // Parts of an enum are no types, and they may stand in any order.
  if (written.kind == Kind::enumeration) return false;
  for (std::size_t i = 0; i < written.parts.size() && i < now.parts.size(); ++i) {
    if (leaves_out_members(written.parts[i], now.parts[i])) return true;
  }
  return false;
}

bool is_number(Kind kind) {
  return kind == Kind::int32 || kind == Kind::int64 || kind == Kind::uint32 ||
         kind == Kind::uint64 || kind == Kind::float64;
}

// A renamed member is often changed a little as well: made optional, another kind of number.
bool may_be_renamed(const TypeShape& member, const TypeShape& other) {
  const TypeShape& was = member.kind == Kind::optional ? member.parts.front() : member;
  const TypeShape& is = other.kind == Kind::optional ? other.parts.front() : other;
  return (is_number(was.kind) && is_number(is.kind)) || !why_inconvertible(was, is);
}

std::optional<std::string> successor_of(const TypeShape& member, const TypeShape& written,
                                        const TypeShape& now) {
  for (const TypeShape& other : now.parts) {
    if (part_named(written, other.name) == nullptr && may_be_renamed(member, other))
      return "the member " + member.name + " is gone, and " + other.name + " of such a type is new";
  }
  return {};
}

std::optional<std::string> why_parts_inconvertible(const TypeShape& written, const TypeShape& now) {
  for (const TypeShape& old : written.parts) {
    const TypeShape* const same = part_named(now, old.name);
    if (same == nullptr && written.kind == Kind::structure) continue;
    if (same == nullptr)
      return (written.kind == Kind::variant ? "the alternative " : "the enumerator ") + old.name +
             " is gone";
    if (written.kind == Kind::enumeration) continue;
    if (auto problem = why_inconvertible(old, *same)) return at(old.name, *std::move(problem));
  }
  return {};
}

}  // namespace

TypeShape shape_of(const TypeInfo& type) {
  Path path;
  return describe(type, path);
}

std::string to_text(const TypeShape& shape) {
  if (shape.number > 0) return "^" + std::to_string(shape.number);
  switch (shape.kind) {
    case Kind::structure:
      return "{" + list_of(shape, ',') + "}";
    case Kind::variant:
      return "(" + list_of(shape, '|') + ")";
    case Kind::enumeration:
      return "enum(" + list_of(shape, ',') + ")";
    case Kind::optional:
      return to_text(shape.parts.front()) + "?";
    case Kind::sequence:
      return "[" + to_text(shape.parts.front()) + "]";
    case Kind::map:
      return "map[" + to_text(shape.parts.front()) + "]";
    default:
      return std::string(name_of(shape.kind));
  }
}

Result<TypeShape> parse_shape(std::string_view text) {
  TypeShape shape;
  Parser parser(text);
  if (!parser.type(shape, 0) || !parser.at_end())
    return fail(errc::malformed, "'{}' is no description of a type", text.substr(0, 100));
  return shape;
}

std::optional<std::string> why_unreadable(const TypeShape& written, const TypeShape& now) {
  if (written.number > 0 || now.number > 0) {
    if (written.number == now.number) return {};
    return differ(written, now);
  }
  if (written.kind != now.kind) {
    if (widens(written.kind, now.kind)) return {};
    return differ(written, now);
  }
  if (written.kind == Kind::enumeration) {
    for (const TypeShape& old : written.parts) {
      if (std::find(now.parts.begin(), now.parts.end(), old) == now.parts.end())
        return "the enumerator " + old.name + "=" + std::to_string(old.number) + " is gone";
    }
    return {};
  }
  if (written.kind == Kind::variant && written.parts.size() > now.parts.size())
    return "the alternative " + written.parts[now.parts.size()].name + " is gone";
  const std::size_t both = std::min(written.parts.size(), now.parts.size());
  for (std::size_t i = 0; i < both; ++i) {
    const TypeShape& old = written.parts[i];
    if (old.name != now.parts[i].name) return at(now.parts[i].name, "was " + old.name + " before");
    if (auto problem = why_unreadable(old, now.parts[i])) return at(old.name, *std::move(problem));
  }
  return {};
}

std::optional<std::string> renamed_member(const TypeShape& written, const TypeShape& now) {
  if (written.kind != now.kind || written.kind == Kind::enumeration) return {};
  for (const TypeShape& old : written.parts) {
    const TypeShape* const same = part_named(now, old.name);
    if (same != nullptr) {
      if (auto found = renamed_member(old, *same)) return at(old.name, *std::move(found));
    } else if (written.kind == Kind::structure) {
      if (auto found = successor_of(old, written, now)) return found;
    }
  }
  return {};
}

bool extends(const TypeShape& now, const TypeShape& written) {
  return !why_unreadable(written, now) && !leaves_out_members(written, now);
}

std::optional<std::string> why_inconvertible(const TypeShape& written, const TypeShape& now) {
  // Both go down together, so that equal numbers of levels lead to types that were compared.
  if (written.number > 0 || now.number > 0) {
    if (written.number == now.number) return {};
    return differ(written, now);
  }
  if (written.kind != now.kind) {
    if (widens(written.kind, now.kind)) return {};
    return differ(written, now);
  }
  switch (written.kind) {
    case Kind::structure:
    case Kind::variant:
    case Kind::enumeration:
      return why_parts_inconvertible(written, now);
    case Kind::optional:
    case Kind::sequence:
    case Kind::map:
      return why_inconvertible(written.parts.front(), now.parts.front());
    default:
      return {};
  }
}

}  // namespace millrace::codec
