// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "media_type.hpp"

#include "millrace/http/headers.hpp"

namespace millrace::http {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool ends_ignoring_case(std::string_view text, std::string_view end) {
  return text.size() > end.size() &&
         equal_ignoring_case(text.substr(text.size() - end.size()), end);
}

// `charset=utf-8`, in quotes or not; other parameters say nothing about the text.
bool is_charset_other_than_utf8(std::string_view parameter) {
  constexpr std::string_view name = "charset=";
  if (!equal_ignoring_case(parameter.substr(0, name.size()), name)) {
    return false;
  }
  parameter.remove_prefix(name.size());
  return !equal_ignoring_case(parameter, "utf-8") && !equal_ignoring_case(parameter, "\"utf-8\"");
}

}  // namespace

bool is_json_type(std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view application = "application/";
  if (!equal_ignoring_case(type.substr(0, application.size()), application)) {
    return false;
  }
  const std::string_view subtype = type.substr(application.size());
  if (!equal_ignoring_case(subtype, "json") && !ends_ignoring_case(subtype, "+json")) {
    return false;
  }
  while (content_type.find(';') != std::string_view::npos) {
    content_type.remove_prefix(content_type.find(';') + 1);
    if (is_charset_other_than_utf8(trimmed(content_type.substr(0, content_type.find(';'))))) {
      return false;
    }
  }
  return true;
}

}  // namespace millrace::http
