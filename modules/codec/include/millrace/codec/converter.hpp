// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_shape.hpp"
#include "millrace/codec/typed_object.hpp"

namespace millrace::codec {

/// Brings values from the binary form of an earlier type to that of today's, by the names of
/// members, alternatives and enumerators. A member that is new has the value of a
/// default-constructed struct, one that is gone is left out. Not thread-safe.
class Converter {
 public:
  /// why_inconvertible() finds nothing between the two.
  Converter(TypeShape written, const TypeInfo& now);

  /// The value in the form of today's type; valid until the next call. Safe on hostile input.
  /// errc::malformed for bytes that are not of the earlier type; errc::wrong_type, unknown_type for
  /// what today's type does not have.
  [[nodiscard]] Result<std::string_view> convert(std::string_view bytes);

 private:
  TypeShape written_;
  TypedObject object_;
  std::string converted_;
};

}  // namespace millrace::codec
