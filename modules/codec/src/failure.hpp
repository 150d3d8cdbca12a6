// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::codec {

/// What went wrong while decoding, and where: the readers answer plain booleans, and each level
/// adds its part of the path on the way out, so that a value that decodes pays nothing for the
/// path.
class Failure {
 public:
  /// Notes the failure; answers false, for the caller to pass on.
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
