// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "json.hpp"

#include <simdjson.h>

namespace millrace::cli {

void write_text(JsonWriter& out, std::string_view name, std::string_view text) {
  if (!text.empty()) {
    out.field(name, text);
  }
}

std::optional<std::string> compact_json(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return std::nullopt;
  // Not printed from the parsed form: numbers keep their digits.
  std::string out(text.size() + simdjson::SIMDJSON_PADDING, '\0');
  std::size_t size = 0;
  if (simdjson::minify(text.data(), text.size(), out.data(), size) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::optional<std::string> indented_json(std::string_view text) {
  const auto compact = compact_json(text);
  if (!compact) return std::nullopt;
  std::string out;
  std::size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] { out.append("\n").append(depth * 2, ' '); };
  for (std::size_t i = 0; i < compact->size(); ++i) {
    const char c = (*compact)[i];
    const bool is_open = !in_string && (c == '{' || c == '[');
    const bool is_close = !in_string && (c == '}' || c == ']');
    if (is_close && (*compact)[i - 1] != '{' && (*compact)[i - 1] != '[') {
      --depth;
      new_line();
    }
    out += c;
    if (in_string && c == '\\') {
      out += (*compact)[++i];
    } else if (c == '"') {
      in_string = !in_string;
    } else if (is_open && (*compact)[i + 1] != '}' && (*compact)[i + 1] != ']') {
      ++depth;
      new_line();
    } else if (!in_string && c == ',') {
      new_line();
    } else if (!in_string && c == ':') {
      out += ' ';
    }
  }
  return out;
}

std::optional<std::int64_t> integer_in(std::string_view json, std::string_view name) {
  simdjson::dom::parser parser;
  std::int64_t value = 0;
  if (parser.parse(json.data(), json.size()).at_key(name).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> string_in(std::string_view json, std::string_view name) {
  simdjson::dom::parser parser;
  std::string_view value;
  if (parser.parse(json.data(), json.size()).at_key(name).get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return std::string(value);
}

}  // namespace millrace::cli
