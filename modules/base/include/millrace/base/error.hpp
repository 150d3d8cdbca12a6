// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/message_format.hpp"

namespace millrace {

/// Stable name of a kind of failure, such as `log.fenced`. Each module lists its codes in
/// `<module>/errors.hpp`; `docs/errors/` has a page for each. Two codes are equal if their names
/// are equal. The name must be a string literal.
struct ErrorCode {
  std::string_view name;
  friend constexpr bool operator==(ErrorCode a, ErrorCode b) { return a.name == b.name; }
};

/// An error as a value: a stable code for programs, and a message for people that says what is
/// wrong, where, and what to do. Copyable; owns its text.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] bool is(ErrorCode code) const { return code_ == code; }

  /// The same error with "`where`: " in front of its message, for a caller that knows where it
  /// occurred.
  [[nodiscard]] Error at(std::string_view where) const {
    return {code_, std::string(where) + ": " + message_};
  }

  /// `code: message`, the form for logs and terminals.
  [[nodiscard]] std::string to_string() const { return std::string(code_.name) + ": " + message_; }

 private:
  ErrorCode code_;
  std::string message_;
};

/// The result of a call that can fail.
template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// `return fail(errc::fenced, "...")` in a function that returns a Result.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}
/// `return fail(errc::not_found, "topic {} has no partition {}", topic, 7)`: values are text,
/// characters and whole numbers. As many as there are `{}`, or it does not compile.
template <class... Values>
  requires(sizeof...(Values) != 0)
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, MessageFormat<sizeof...(Values)> format,
                                          const Values&... values) {
  return fail(code, format_message(format, values...));
}

namespace errc {
/// An argument, an option or a setting has a value that is not allowed. The message names it, the
/// value and what is allowed. Remedy: pass an allowed value.
inline constexpr ErrorCode invalid_argument{"base.invalid_argument"};
/// A file, a directory or a name does not exist. Remedy: create it, or correct the name in the
/// message.
inline constexpr ErrorCode not_found{"base.not_found"};
/// The operating system refused an operation on a file. Remedy: fix the cause; the message names
/// the file and the reason of the operating system.
inline constexpr ErrorCode io_error{"base.io_error"};
/// The operating system does not permit the operation: the file system is mounted read-only, or the
/// modes of a file or directory forbid it. Remedy: run as the user that owns the file in the
/// message, or give your user access.
inline constexpr ErrorCode no_permission{"base.no_permission"};
/// The disk or the quota is full. Remedy: free some room, then try the operation again.
inline constexpr ErrorCode disk_full{"base.disk_full"};
/// Another process uses the file, directory or lock that the call needs, or too many requests wait.
/// Remedy: stop the other process, or wait and try again.
inline constexpr ErrorCode busy{"base.busy"};
}  // namespace errc

}  // namespace millrace

/// Returns an error to the caller: `MILLRACE_TRY(status_expression);`
#define MILLRACE_TRY(expression)                                                   \
  do {                                                                             \
    if (auto millrace_try_ = (expression); !millrace_try_) {                       \
      return std::unexpected<::millrace::Error>(std::move(millrace_try_).error()); \
    }                                                                              \
  } while (false)

#define MILLRACE_CONCAT_INNER(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_INNER(a, b)

/// Takes the value, or returns the error to the caller:
/// `MILLRACE_ASSIGN(auto file, files.open(path));`
#define MILLRACE_ASSIGN(declaration, expression)                         \
  auto MILLRACE_CONCAT(millrace_result_, __LINE__) = (expression);       \
  if (!MILLRACE_CONCAT(millrace_result_, __LINE__)) {                    \
    return std::unexpected<::millrace::Error>(                           \
        std::move(MILLRACE_CONCAT(millrace_result_, __LINE__)).error()); \
  }                                                                      \
  declaration = *std::move(MILLRACE_CONCAT(millrace_result_, __LINE__))
