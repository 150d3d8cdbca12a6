// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// What the binary form of a type is made of, as a value that can be kept beside the bytes: the
/// names of members and enumerators, which the bytes leave out. The name of a struct is no part of
/// it, and a strong type is its one member.
struct TypeShape {
  Kind kind = Kind::boolean;
  std::string name;         ///< of this member, alternative or enumerator within what holds it
  std::int64_t number = 0;  ///< enumerator: its number; else levels up to a type that holds itself
  std::vector<TypeShape> parts;
  friend bool operator==(const TypeShape&, const TypeShape&) = default;
};
[[nodiscard]] TypeShape shape_of(const TypeInfo& type);

/// `{debit:int64,credit:int64}`. Lists are `[T]`, maps `map[T]`, optionals `T?`, variants
/// `(Placed:{..}|Paid:{..})`, enums `enum(open=0,paid=1)`; `^1` is the type one level up.
[[nodiscard]] std::string to_text(const TypeShape& shape);
/// Safe on hostile input. errc::malformed.
[[nodiscard]] Result<TypeShape> parse_shape(std::string_view text);

/// Why bytes that were written as `written` cannot be read as `now`, with the path of the first
/// difference: `credit: was the member debit`; no value when they can. What may differ is what
/// docs/formats/private_binary.md allows: members, alternatives and enumerators added at the end,
/// members left out at the end, wider integers.
[[nodiscard]] std::optional<std::string> why_unreadable(const TypeShape& written,
                                                        const TypeShape& now);
/// Bytes of `written` can be read as `now`, which has all that it has: something may be added at
/// the end, and integers may be wider.
[[nodiscard]] bool extends(const TypeShape& now, const TypeShape& written);

/// Why Converter cannot convert values of `written` into `now`, with the path; no value when it
/// can. Members, alternatives and enumerators are found by name: they may be in another order, be
/// added anywhere, and members may be gone.
[[nodiscard]] std::optional<std::string> why_inconvertible(const TypeShape& written,
                                                           const TypeShape& now);
/// The first member that is gone beside a new one that could hold its values, with the path: one
/// that was perhaps renamed, whose values a Converter would leave out.
[[nodiscard]] std::optional<std::string> renamed_member(const TypeShape& written,
                                                        const TypeShape& now);

}  // namespace millrace::codec
