// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/text.hpp"

#include <charconv>

namespace millrace {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// The byte that two digits stand for, or -1.
int hex_pair(std::string_view text, std::size_t at) {
  if (text.size() < 2 || at > text.size() - 2) {
    return -1;
  }
  const int high = hex_digit(text[at]);
  const int low = hex_digit(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

char* write_escaped(char* out, unsigned char byte) {
  constexpr std::string_view letters = "btn?fr";  // of 0x08 to 0x0d
  *out++ = '\\';
  if (byte == '"' || byte == '\\') {
    *out++ = static_cast<char>(byte);
  } else if (byte >= 0x08U && byte <= 0x0dU && byte != 0x0bU) {
    *out++ = letters[byte - 0x08U];
  } else {
    *out++ = 'u';
    out = write_hex(out, byte, 4);
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
      out = copy_bytes(out, text.substr(0, length));
    } else {
      length = 1;
      out = copy_bytes(out, "\xef\xbf\xbd");
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string hex_number(std::uint64_t number) {
  char digits[16];
  return {digits, write_hex(digits, number, 16)};
}

void append_short_hex(std::string& out, std::uint64_t number) {
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number, 16).ptr);
}

std::string hex(std::string_view bytes) {
  std::string out(2 * bytes.size(), '\0');
  char* at = out.data();
  for (const char byte : bytes) {
    at = write_hex(at, static_cast<unsigned char>(byte), 2);
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int byte = hex_pair(text, i);
    if (byte < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(byte);
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int byte = hex_pair(text, i + 1);
      if (byte < 0) {
        return std::nullopt;
      }
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80U   ? 1
                             : lead < 0xc2U ? 0
                             : lead < 0xe0U ? 2
                             : lead < 0xf0U ? 3
                             : lead < 0xf5U ? 4
                                            : 0;
  if (length == 0 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) {
      return 0;
    }
  }
  const unsigned second = length > 2 ? byte(1) : 0;
  const bool outside = (lead == 0xe0U && second < 0xa0U) || (lead == 0xedU && second > 0x9fU) ||
                       (lead == 0xf0U && second < 0x90U) || (lead == 0xf4U && second > 0x8fU);
  return outside ? 0 : length;
}

void write_json_string(ByteWriter& out, std::string_view text) {
  // Whole words are stored, so up to seven bytes more than the text has.
  char* at = out.room(text.size() + 16);
  *at++ = '"';
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    if (json_special_bytes(word) != 0) [[unlikely]] {
      break;
    }
    std::memcpy(at, &word, 8);
    at += 8;
    text.remove_prefix(8);
  }
  if (text.size() < 8) {
    std::uint64_t word = 0x2020202020202020U;
    copy_bytes(reinterpret_cast<char*>(&word), text);
    if (json_special_bytes(word) == 0) [[likely]] {
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

}  // namespace millrace
