// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// A value that stands in a message: text, a character or a whole number. Refers to the text.
class MessageValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor): callers pass their values as they are
  MessageValue(std::string_view text) : text_(text), kind_(Kind::text) {}
  MessageValue(const std::string& text) : text_(text), kind_(Kind::text) {}
  MessageValue(const char* text) : text_(text), kind_(Kind::text) {}
  // Templates, so that what is neither, such as a bool or a double, is not converted to one.
  template <std::same_as<char> T>
  MessageValue(T character)
      : number_(static_cast<unsigned char>(character)), kind_(Kind::character) {}
  template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>)
  MessageValue(T number)
      : number_(static_cast<std::uint64_t>(number)),
        kind_(std::signed_integral<T> ? Kind::integer : Kind::natural) {}
  // NOLINTEND(google-explicit-constructor)

  void append_to(std::string& out) const;

 private:
  enum class Kind : std::uint8_t { text, character, integer, natural };

  std::string_view text_;
  std::uint64_t number_ = 0;
  Kind kind_;
};

/// The text of a message with `{}` where each of `Count` values stands; `{{` and `}}` are braces.
/// Another number of values does not compile. The text must be a literal. It is a part of what
/// std::format reads, which GCC 12 does not have; libfmt would be read with each public header, and
/// every program that uses Millrace would need it.
template <std::size_t Count>
class MessageFormat {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): written as a literal
  consteval MessageFormat(const char* text) : text_(text) {
    std::size_t found = 0;
    for (std::size_t i = 0; i != text_.size(); ++i) {
      if (text_[i] != '{' && text_[i] != '}') continue;
      const char next = i + 1 == text_.size() ? '\0' : text_[i + 1];
      if (text_[i] == '{' && next == '}') {
        ++found;
      } else if (next != text_[i]) {
        a_brace_stands_alone();
      }
      ++i;
    }
    if (found != Count) not_as_many_values_as_braces();
  }

  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  // Not constexpr, so that a call stops the compiler at its name.
  static void a_brace_stands_alone() {}
  static void not_as_many_values_as_braces() {}

  std::string_view text_;
};

/// The message with the values in place of each `{}`. What format_message() and fail() call.
[[nodiscard]] std::string format_values(std::string_view format, const MessageValue* values);

/// `format_message("topic {} has no partition {}", topic, 7)`. Any thread.
template <class... Values>
[[nodiscard]] std::string format_message(MessageFormat<sizeof...(Values)> format,
                                         const Values&... values) {
  const MessageValue all[] = {values...};
  return format_values(format.text(), all);
}

}  // namespace millrace
