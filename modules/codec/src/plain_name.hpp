// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace millrace::codec {

[[nodiscard]] inline bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name of a type as it stands in the text of a TypeShape: names of templates have characters
/// that mean something there.
[[nodiscard]] inline std::string plain_name(std::string_view name) {
  std::string out(name);
  std::replace_if(out.begin(), out.end(), [](char c) { return !is_name_character(c); }, '_');
  return out;
}

}  // namespace millrace::codec
