// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::codec {

/// Walks over a JSON text (RFC 8259), strictly, without building anything. Every call skips white
/// space first; those that fail say why with problem(), and the cursor is of no use afterwards.
/// Views into the text live as long as it does.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  /// The next byte, 0 at the end.
  [[nodiscard]] char peek() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
      ++at_;
    }
    return at_ == end_ ? '\0' : *at_;
  }
  [[nodiscard]] bool at_end() { return peek() == '\0' && at_ == end_; }
  /// Takes one byte if it comes next; no failure otherwise.
  bool take(char wanted) {
    if (peek() != wanted || at_ == end_) {
      return false;
    }
    ++at_;
    return true;
  }
  /// Takes `"name":` if it comes next, spelled without escapes; no failure otherwise.
  bool take_key(std::string_view name) {
    if (peek() != '"' || static_cast<std::size_t>(end_ - at_) < name.size() + 2 ||
        at_[name.size() + 1] != '"' || std::memcmp(at_ + 1, name.data(), name.size()) != 0) {
      return false;
    }
    const char* const start = at_;
    at_ += name.size() + 2;
    if (take(':')) {
      return true;
    }
    at_ = start;
    return false;
  }
  /// Takes a member's name and its colon. The view lives until the next call with the same scratch.
  bool key(std::string_view& name, std::string& scratch);
  /// Takes a string: a view into the text, or into `scratch` when it has escapes.
  bool string(std::string_view& value, std::string& scratch);
  /// Takes a number, as its characters; `integral` when it has neither fraction nor exponent.
  bool number(std::string_view& token, bool& integral);
  /// Takes `true`, `false` or `null`.
  bool literal(std::string_view word);
  /// Takes a value of any kind, all of it checked.
  bool skip(int depth);
  /// After an element: takes a comma (`more`) or the closing bracket.
  bool separator(char close, bool& more) {
    more = take(',');
    return more || take(close) ||
           fail(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
  }

  [[nodiscard]] const char* position() const { return at_; }
  [[nodiscard]] std::string problem() const;
  bool fail(const char* reason) {
    reason_ = reason;
    return false;
  }

 private:
  bool scan_plain();
  bool escaped_string(const char* start, std::string& scratch);
  bool escape(std::string& out);
  bool hex4(unsigned& out);
  bool digits();

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* reason_ = "";
};

}  // namespace millrace::codec
