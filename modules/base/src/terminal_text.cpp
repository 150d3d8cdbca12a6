// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/terminal_text.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "millrace/base/text.hpp"

namespace millrace {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that print nothing and change how their neighbours are seen: marks and overrides of
// direction, separators of lines, invisible operators and tags.
constexpr Range invisible[] = {{0x061C, 0x061C}, {0x180E, 0x180E}, {0x200B, 0x200B},
                               {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
                               {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
constexpr Range combining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                               {0x0610, 0x061A}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF},
                               {0x1DC0, 0x1DFF}, {0x200C, 0x200D}, {0x20D0, 0x20FF},
                               {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
// East Asian Width W and F of Unicode 15, in coarse blocks.
constexpr Range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <std::size_t N>
bool is_in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& one) { return c >= one.first && c <= one.last; });
}

// The UTF-8 sequence at the front of a text; length 0 when there is none.
struct Sequence {
  std::size_t length = 0;
  char32_t character = 0;
};

Sequence first_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = utf8_length(text);
  if (length <= 1) return {length, length == 0 ? char32_t{0} : char32_t{byte(0)}};
  char32_t character = byte(0) & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i)
    character = character << 6U | (byte(i) & 0x3FU);
  return {length, character};
}

bool is_unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x61C && is_in(invisible, c));
}

bool is_layout(char c) { return c == '\n' || c == '\t'; }

void append_hex(std::string& out, std::string_view prefix, std::uint32_t number, int digits) {
  char text[8];
  const char* const end = write_hex(text, number, digits);
  out += prefix;
  out.append(text, static_cast<std::size_t>(end - text));
}

void append_byte(std::string& out, char byte) {
  append_hex(out, "\\x", static_cast<unsigned char>(byte), 2);
}

void append_code_unit(std::string& out, std::uint32_t code_unit) {
  append_hex(out, "\\u", code_unit, 4);
}

// As JSON has it: two code units beyond the first plane.
void append_character(std::string& out, char32_t c) {
  if (c > 0xFFFF) {
    append_code_unit(out, 0xD800U + ((c - 0x10000U) >> 10U));
    append_code_unit(out, 0xDC00U + ((c - 0x10000U) & 0x3FFU));
  } else {
    append_code_unit(out, c);
  }
}

void append_unsafe(std::string& out, Sequence sequence, std::string_view bytes) {
  switch (bytes.front()) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (sequence.character >= 0x80) {
    append_character(out, sequence.character);
  } else {
    append_byte(out, bytes.front());
  }
}

enum class Rule : std::uint8_t { part, line, whole, json };

bool stays(char c, Rule rule) {
  if (c >= 0x20 && c < 0x7F) return c != '\\' || rule != Rule::part;
  return is_layout(c) && (rule == Rule::whole || rule == Rule::json);
}

std::string made_safe(std::string_view text, Rule rule) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto plain =
        std::find_if_not(text.begin(), text.end(), [rule](char c) { return stays(c, rule); });
    const auto length = static_cast<std::size_t>(plain - text.begin());
    out += text.substr(0, length);
    text.remove_prefix(length);
    if (text.empty()) break;
    const Sequence sequence = first_sequence(text);
    const std::size_t taken = std::max<std::size_t>(sequence.length, 1);
    if (text.front() == '\\') {
      out += "\\\\";
    } else if (sequence.length != 0 && !is_unsafe(sequence.character)) {
      out += text.substr(0, taken);
    } else if (rule == Rule::json) {
      append_character(out, sequence.length != 0 ? sequence.character : 0xFFFD);
    } else {
      append_unsafe(out, sequence, text.substr(0, taken));
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::size_t columns_of(char32_t c) {
  if (c < 0x300) return 1;
  if (is_in(combining, c)) return 0;
  return is_in(wide, c) ? 2 : 1;
}

}  // namespace

std::string escaped(std::string_view text) { return made_safe(text, Rule::part); }

std::string printable(std::string_view text) { return made_safe(text, Rule::whole); }

std::string printable_line(std::string_view text) { return made_safe(text, Rule::line); }

std::string printable_json(std::string_view json) { return made_safe(json, Rule::json); }

bool is_plain_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const Sequence sequence = first_sequence(bytes);
    if (sequence.length == 0) return false;
    const char c = bytes.front();
    if (is_unsafe(sequence.character) && !is_layout(c) && c != '\r') return false;
    bytes.remove_prefix(sequence.length);
  }
  return true;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Sequence sequence = first_sequence(text);
    width += columns_of(sequence.character);
    text.remove_prefix(std::max<std::size_t>(sequence.length, 1));
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t used = 0;
  std::size_t size = 0;
  while (size < text.size()) {
    const Sequence sequence = first_sequence(text.substr(size));
    const std::size_t width = columns_of(sequence.character);
    if (used + width > columns - 1) break;
    used += width;
    size += std::max<std::size_t>(sequence.length, 1);
  }
  return std::string(text.substr(0, size)) + "…";
}

}  // namespace millrace
