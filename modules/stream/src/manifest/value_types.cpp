// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/value_types.hpp"

#include <algorithm>

#include "millrace/codec/serde.hpp"
#include "millrace/codec/type_shape.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

namespace {

using codec::TypeShape;

// Each costs space in the manifest, and a check at each change.
constexpr std::size_t types_max = 32;

std::unexpected<Error> refused(std::string why) {
  return fail(errc::topology_changed, std::move(why));
}

Result<std::vector<TypeShape>> parsed(const std::vector<std::string>& texts) {
  std::vector<TypeShape> shapes;
  for (const std::string& text : texts) {
    auto shape = codec::parse_shape(text);
    if (!shape) return refused("a type that this build does not understand");
    shapes.push_back(*std::move(shape));
  }
  return shapes;
}

// This build leaves out members at the end, which others continue to write.
bool reads_a_part(const TypeShape& written, const TypeShape& now) {
  return !codec::why_unreadable(written, now) && codec::extends(written, now);
}

std::unexpected<Error> in_other_bytes(const TypeShape& written, const TypeShape& now) {
  if (auto why = codec::why_unreadable(written, now)) return refused(*std::move(why));
  return refused("members were added, and others were left out");
}

bool may_be_missing_in_json(codec::Kind kind) {
  return kind == codec::Kind::optional || kind == codec::Kind::sequence || kind == codec::Kind::map;
}

// JSON of `written`, which can be converted to `now`, does not have such a member.
std::optional<std::string> missing_in_json(const TypeShape& written, const TypeShape& now) {
  if (now.kind == codec::Kind::enumeration) return {};
  for (const TypeShape& part : now.parts) {
    const auto old = std::find_if(written.parts.begin(), written.parts.end(),
                                  [&](const TypeShape& one) { return one.name == part.name; });
    std::optional<std::string> problem;
    if (old != written.parts.end()) {
      problem = missing_in_json(*old, part);
    } else if (now.kind == codec::Kind::structure && !may_be_missing_in_json(part.kind)) {
      problem = "is new, and JSON of before does not have it: make it std::optional";
    }
    if (!problem) continue;
    if (part.name.empty()) return problem;  // an element
    return part.name + (problem->starts_with("is new") ? ": " : ".") + *problem;
  }
  return {};
}

}  // namespace

Result<ValueTypes> continue_types(const ValueTypes& before, const std::string& now, bool converts) {
  if (now == before.value) return before;
  ValueTypes out = before;
  if (out.values.empty()) out.values = {before.value};
  MILLRACE_ASSIGN(const auto known, parsed(out.values));
  MILLRACE_ASSIGN(const auto parsed_now, parsed({now}));
  const TypeShape& shape = parsed_now.front();
  const std::size_t current = number_of(before) - 1;
  const auto is_in_same_bytes = [&](const TypeShape& written) {
    return codec::extends(shape, written) || reads_a_part(written, shape);
  };
  auto same = is_in_same_bytes(known[current])
                  ? known.begin() + static_cast<std::ptrdiff_t>(current)
                  : std::find_if(known.begin(), known.end(), is_in_same_bytes);
  if (same == known.end() && !converts) return in_other_bytes(known[current], shape);
  // On the way back to an earlier type too: its bytes can be read, and those of today's type would
  // lose the member.
  if (same != known.begin() + static_cast<std::ptrdiff_t>(current)) {
    if (auto why = codec::renamed_member(known[current], shape)) return refused(*std::move(why));
  }
  if (same == known.end()) {
    if (auto why = codec::why_inconvertible(known[current], shape)) return refused(*std::move(why));
    if (known.size() == types_max)
      return refused("it has had " + std::to_string(types_max) +
                     " types, which is the most: rebuild it by `millrace topology reset`");
  }
  for (auto other = known.begin(); other != known.end(); ++other) {
    if (other == same) continue;
    if (auto why = codec::why_inconvertible(*other, shape))
      return refused("values of the earlier type " + codec::to_text(*other) + ": " + *why);
  }
  if (same == known.end()) {
    out.values.push_back(now);
    out.value = now;
  } else {
    std::string& text = out.values[static_cast<std::size_t>(same - known.begin())];
    if (codec::extends(shape, *same)) text = now;
    out.value = text;
  }
  if (out.values.size() == 1) out.values.clear();
  return out;
}

Result<ValueTypes> continue_types_in(const std::string& serde, const ValueTypes& before,
                                     const std::string& now) {
  if (now == before.value) return before;
  if (serde != codec::json_serde()->name())
    return refused("serde " + serde +
                   " is the program's own, and may not read values of another type");
  MILLRACE_ASSIGN(const auto shapes, parsed({before.value, now}));
  if (auto why = codec::why_inconvertible(shapes[0], shapes[1])) return refused(*std::move(why));
  if (auto why = codec::renamed_member(shapes[0], shapes[1])) return refused(*std::move(why));
  if (auto why = missing_in_json(shapes[0], shapes[1])) return refused(*std::move(why));
  return ValueTypes{now, {}};
}

std::uint32_t number_of(const ValueTypes& types) {
  const auto found = std::find(types.values.begin(), types.values.end(), types.value);
  return found == types.values.end() ? 1
                                     : static_cast<std::uint32_t>(found - types.values.begin()) + 1;
}

}  // namespace millrace::stream
