// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "json_text.hpp"

#include <cstdint>

#include "text_scan.hpp"

namespace millrace::codec {
namespace {

char* write_escaped(char* out, unsigned char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view letters = "btn?fr";  // of 0x08 to 0x0d
  *out++ = '\\';
  if (byte == '"' || byte == '\\') {
    *out++ = static_cast<char>(byte);
  } else if (byte >= 0x08U && byte <= 0x0dU && byte != 0x0bU) {
    *out++ = letters[byte - 0x08U];
  } else {
    *out++ = 'u';
    *out++ = '0';
    *out++ = '0';
    *out++ = digits[byte >> 4U];
    *out++ = digits[byte & 0xfU];
  }
  return out;
}

char* write_carefully(char* out, std::string_view text) {
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    if (byte < 0x20U || byte == '"' || byte == '\\') {
      out = write_escaped(out, byte);
    } else if (byte < 0x80U) {
      *out++ = text[0];
    } else if (length = utf8_length(text); length != 0) {
      std::memcpy(out, text.data(), length);
      out += length;
    } else {
      length = 1;
      std::memcpy(out, "\xef\xbf\xbd", 3);
      out += 3;
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

void write_json_string(Writer& out, std::string_view text) {
  // Whole words are stored, so up to seven bytes more than the text has.
  char* at = out.room(text.size() + 16);
  *at++ = '"';
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    if (special_bytes(word) != 0) [[unlikely]] {
      break;
    }
    std::memcpy(at, &word, 8);
    at += 8;
    text.remove_prefix(8);
  }
  if (text.size() < 8) {
    std::uint64_t word = 0x2020202020202020U;
    std::memcpy(&word, text.data(), text.size());
    if (special_bytes(word) == 0) [[likely]] {
      std::memcpy(at, &word, 8);
      at += text.size();
      text = {};
    }
  }
  if (!text.empty()) {
    out.advance(at);
    at = write_carefully(out.room(text.size() * 6 + 1), text);
  }
  *at++ = '"';
  out.advance(at);
}

}  // namespace millrace::codec
