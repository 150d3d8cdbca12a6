// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>

#include "millrace/base/byte_writer.hpp"
#include "millrace/base/text.hpp"

namespace millrace {

/// Appends one JSON value to a string and adds the commas. The string must outlive the writer and
/// is complete after take() or the destructor. In text that is not UTF-8, each bad byte becomes
/// U+FFFD. Infinities and NaN become null. Not thread-safe.
///
///     std::string text;
///     JsonWriter out(text);
///     out.begin_object().field("topic", name).key("offsets").begin_array();
///     for (const std::int64_t offset : offsets) { out.value(offset); }
///     out.end_array().end_object();
///     return out.take();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// The name of a member; its value comes next.
  JsonWriter& key(std::string_view name) {
    comma();
    write_json_string(out_, name);
    out_.byte(':');
    comma_ = false;
    return *this;
  }
  /// The same for a name without quotes, backslashes and control characters, such as that of a C++
  /// member.
  JsonWriter& plain_key(std::string_view name) {
    char* at = out_.room(name.size() + 4);
    *at = ',';
    at += comma_ ? 1 : 0;
    *at++ = '"';
    at = copy_bytes(at, name);
    *at++ = '"';
    *at++ = ':';
    out_.advance(at);
    comma_ = false;
    return *this;
  }

  JsonWriter& value(std::string_view text) {
    comma();
    write_json_string(out_, text);
    return *this;
  }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& value(std::integral auto number) { return write_number(number); }
  JsonWriter& value(double number) {
    return std::isfinite(number) ? write_number(number) : raw("null");
  }
  /// A value that is already JSON text.
  JsonWriter& raw(std::string_view json) {
    comma();
    out_.bytes(json);
    return *this;
  }

  /// A member of an object.
  JsonWriter& field(std::string_view name, const auto& of) { return key(name).value(of); }

  /// The string, moved out.
  [[nodiscard]] std::string take() { return out_.take(); }

 private:
  void comma() {
    if (comma_) {
      out_.byte(',');
    }
    comma_ = true;
  }
  JsonWriter& open(char bracket) {
    comma();
    out_.byte(bracket);
    comma_ = false;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_.byte(bracket);
    comma_ = true;
    return *this;
  }
  template <class Number>
  JsonWriter& write_number(Number number) {
    comma();
    char* const at = out_.room(32);
    out_.advance(std::to_chars(at, at + 32, number).ptr);
    return *this;
  }

  ByteWriter out_;
  bool comma_ = false;  ///< before the next value or name
};

}  // namespace millrace
