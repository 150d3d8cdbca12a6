// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "json_cursor.hpp"

#include <bit>
#include <cstdint>

#include "millrace/base/text.hpp"
#include "transparent.hpp"

namespace millrace::codec {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80U) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800U) {
    out.push_back(static_cast<char>(0xc0U | (code >> 6U)));
    out.push_back(static_cast<char>(0x80U | (code & 0x3fU)));
  } else if (code < 0x10000U) {
    out.push_back(static_cast<char>(0xe0U | (code >> 12U)));
    out.push_back(static_cast<char>(0x80U | ((code >> 6U) & 0x3fU)));
    out.push_back(static_cast<char>(0x80U | (code & 0x3fU)));
  } else {
    out.push_back(static_cast<char>(0xf0U | (code >> 18U)));
    out.push_back(static_cast<char>(0x80U | ((code >> 12U) & 0x3fU)));
    out.push_back(static_cast<char>(0x80U | ((code >> 6U) & 0x3fU)));
    out.push_back(static_cast<char>(0x80U | (code & 0x3fU)));
  }
}

}  // namespace

// Goes to the next quote or backslash of a string.
bool JsonCursor::scan_plain() {
  for (;;) {
    while (end_ - at_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, 8);
      if (const std::uint64_t special = json_special_bytes(word); special != 0) {
        at_ += std::countr_zero(special) / 8;
        break;
      }
      at_ += 8;
    }
    while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x20U &&
           static_cast<unsigned char>(*at_) < 0x80U && *at_ != '"' && *at_ != '\\') {
      ++at_;
    }
    if (at_ == end_) {
      return fail("a string has no end");
    }
    if (*at_ == '"' || *at_ == '\\') {
      return true;
    }
    if (static_cast<unsigned char>(*at_) < 0x20U) {
      return fail("a control character in a string must be escaped");
    }
    const std::size_t length = utf8_length({at_, static_cast<std::size_t>(end_ - at_)});
    if (length == 0) {
      return fail("a string is not UTF-8");
    }
    at_ += length;
  }
}

bool JsonCursor::string(std::string_view& value, std::string& scratch) {
  if (!take('"')) {
    return fail("expected a string");
  }
  const char* const start = at_;
  if (!scan_plain()) {
    return false;
  }
  if (*at_ == '"') [[likely]] {
    value = {start, static_cast<std::size_t>(at_ - start)};
    ++at_;
    return true;
  }
  if (!escaped_string(start, scratch)) {
    return false;
  }
  value = scratch;
  return true;
}

bool JsonCursor::escaped_string(const char* start, std::string& scratch) {
  scratch.assign(start, at_);
  while (*at_ != '"') {
    ++at_;
    if (!escape(scratch)) {
      return false;
    }
    start = at_;
    if (!scan_plain()) {
      return false;
    }
    scratch.append(start, at_);
  }
  ++at_;
  return true;
}

bool JsonCursor::escape(std::string& out) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  if (at_ == end_) {
    return fail("a string has no end");
  }
  const char letter = *at_++;
  if (const std::size_t known = letters.find(letter); known != std::string_view::npos) {
    out.push_back(meanings[known]);
    return true;
  }
  unsigned code = 0;
  if (letter != 'u' || !hex4(code)) {
    return fail("a backslash begins no known escape");
  }
  if (code >= 0xd800U && code < 0xdc00U) {
    unsigned low = 0;
    if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') {
      return fail("half of a surrogate pair is missing");
    }
    at_ += 2;
    if (!hex4(low) || low < 0xdc00U || low > 0xdfffU) {
      return fail("half of a surrogate pair is missing");
    }
    code = 0x10000U + ((code - 0xd800U) << 10U) + (low - 0xdc00U);
  } else if (code >= 0xdc00U && code < 0xe000U) {
    return fail("half of a surrogate pair is missing");
  }
  append_utf8(out, code);
  return true;
}

bool JsonCursor::hex4(unsigned& out) {
  if (end_ - at_ < 4) {
    return false;
  }
  out = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(*at_++);
    if (digit < 0) {
      return false;
    }
    out = out * 16U + static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonCursor::key(std::string_view& name, std::string& scratch) {
  if (peek() != '"') {
    return fail("expected a member's name");
  }
  return string(name, scratch) && (take(':') || fail("expected ':'"));
}

bool JsonCursor::digits() {
  const char* const start = at_;
  while (at_ != end_ && is_digit(*at_)) {
    ++at_;
  }
  return at_ != start;
}

bool JsonCursor::number(std::string_view& token, bool& integral) {
  (void)peek();
  const char* const start = at_;
  integral = true;
  if (at_ != end_ && *at_ == '-') {
    ++at_;
  }
  const char* const first = at_;
  if (!digits() || (*first == '0' && at_ - first > 1)) {
    return fail("not a number");
  }
  if (at_ != end_ && *at_ == '.') {
    integral = false;
    ++at_;
    if (!digits()) {
      return fail("a number ends with its point");
    }
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    integral = false;
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) {
      ++at_;
    }
    if (!digits()) {
      return fail("a number's exponent has no digits");
    }
  }
  token = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool JsonCursor::literal(std::string_view word) {
  (void)peek();
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) {
    return fail("expected a value");
  }
  at_ += word.size();
  return true;
}

bool JsonCursor::skip(int depth) {
  if (depth >= depth_max) {
    return fail("nested too deeply");
  }
  std::string scratch;
  std::string_view text;
  bool more = true;
  switch (peek()) {
    case '{':
      for (++at_, more = !take('}'); more;) {
        if (!key(text, scratch) || !skip(depth + 1) || !separator('}', more)) {
          return false;
        }
      }
      return true;
    case '[':
      for (++at_, more = !take(']'); more;) {
        if (!skip(depth + 1) || !separator(']', more)) {
          return false;
        }
      }
      return true;
    case '"':
      return string(text, scratch);
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    default:
      return at_ == end_ ? fail("the text ends within a value") : number(text, more);
  }
}

std::string JsonCursor::problem() const {
  return "not valid JSON at byte " + std::to_string(at_ - begin_) + ": " + reason_;
}

}  // namespace millrace::codec
