// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/type_info.hpp"

namespace millrace::codec {

/// What a failure says was wanted where a JSON value of this type should stand.
inline std::string_view wanted_name(const TypeInfo& type) {
  switch (type.kind) {
    case Kind::sequence:
      return "a list";
    case Kind::map:
      return "an object";
    case Kind::variant:
      return "an object with one member, named after the alternative";
    default:
      return type.name;
  }
}

/// What went wrong while decoding, and where: the readers answer plain booleans, and each level
/// adds its part of the path on the way out, so that a value that decodes pays nothing for the
/// path.
class Failure {
 public:
  /// Notes the failure; returns false, for the caller to pass on.
  bool set(ErrorCode code, std::string message) {
    code_ = code;
    message_ = std::move(message);
    return false;
  }
  bool in_field(std::string_view name) {
    prepend(std::string(name));
    return false;
  }
  bool in_element(std::size_t index) {
    std::string part(1, '[');
    part.append(std::to_string(index)).append(1, ']');
    prepend(std::move(part));
    return false;
  }
  [[nodiscard]] std::unexpected<Error> answer() const {
    return fail(code_, path_.empty() ? message_ : path_ + ": " + message_);
  }

 private:
  void prepend(std::string part) {
    if (!path_.empty() && path_.front() != '[') {
      part.append(1, '.');
    }
    path_.insert(0, part);
  }

  ErrorCode code_ = errc::malformed;
  std::string message_;
  std::string path_;
};

}  // namespace millrace::codec
