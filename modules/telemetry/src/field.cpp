// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/field.hpp"

#include <charconv>
#include <cmath>

namespace millrace::telemetry {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

// Length of the well-formed UTF-8 sequence at the front of `text` (Unicode 15, table 3-7), 0 if
// there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead >= 0xC2 && lead <= 0xDF) {
    return text.size() >= 2 && is_continuation(at(1)) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (text.size() < 3 || !is_continuation(at(1)) || !is_continuation(at(2))) {
      return 0;
    }
    const bool overlong = lead == 0xE0 && at(1) < 0xA0;
    const bool surrogate = lead == 0xED && at(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (text.size() < 4 || !is_continuation(at(1)) || !is_continuation(at(2)) ||
        !is_continuation(at(3))) {
      return 0;
    }
    const bool overlong = lead == 0xF0 && at(1) < 0x90;
    const bool too_large = lead == 0xF4 && at(1) > 0x8F;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default: {
      constexpr char digits[] = "0123456789abcdef";
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4U];
      out += digits[static_cast<unsigned char>(c) & 15U];
    }
  }
}

template <class T>
void append_number(std::string& out, T number) {
  char text[32];
  const auto end = std::to_chars(std::begin(text), std::end(text), number);
  out.append(text, end.ptr);
}

struct AppendValue {
  std::string& out;
  void operator()(std::string_view text) const { append_json_string(out, text); }
  void operator()(bool truth) const { out += truth ? "true" : "false"; }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      append_number(out, number);
    } else {
      out += "null";
    }
  }
  void operator()(std::int64_t number) const { append_number(out, number); }
  void operator()(std::uint64_t number) const { append_number(out, number); }
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain_from = 0;
  std::size_t i = 0;
  const auto flush = [&] { out.append(text.substr(plain_from, i - plain_from)); };
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80) {
      if (const std::size_t length = utf8_length(text.substr(i)); length != 0) {
        i += length;
        continue;
      }
      flush();
      out += replacement;
      plain_from = ++i;
    } else if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F) {
      flush();
      append_escape(out, text[i]);
      plain_from = ++i;
    } else {
      ++i;
    }
  }
  flush();
  out += '"';
}

void append_json_field(std::string& out, const Field& field) {
  append_json_string(out, field.name);
  out += ':';
  std::visit(AppendValue{out}, field.value.get());
}

}  // namespace millrace::telemetry
