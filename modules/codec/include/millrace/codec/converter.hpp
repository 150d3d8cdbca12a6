// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_shape.hpp"
#include "millrace/codec/typed_object.hpp"

namespace millrace::codec {

/// Converts values from the binary form of an earlier type to that of the present type, by the
/// names of members, alternatives and enumerators. A new member gets its value from a
/// default-constructed struct. A removed member is left out. Not thread-safe.
class Converter {
 public:
  /// why_inconvertible() must return no value for the two types.
  Converter(TypeShape written, const TypeInfo& now);

  /// The value in the form of the present type; valid until the next call. Safe for hostile input.
  /// errc::malformed for bytes that do not fit the earlier type; errc::wrong_type, unknown_type for
  /// a value that the present type cannot have.
  [[nodiscard]] Result<std::string_view> convert(std::string_view bytes);

 private:
  TypeShape written_;
  TypedObject object_;
  std::string converted_;
};

}  // namespace millrace::codec
