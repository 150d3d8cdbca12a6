// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/json_writer.hpp"

namespace millrace::cli {

/// Writes a member of an object; left out when the text is empty.
void write_text(JsonWriter& out, std::string_view name, std::string_view text);

/// The text without needless white space if it is JSON, nothing otherwise.
[[nodiscard]] std::optional<std::string> compact_json(std::string_view text);
/// The text over several lines, two spaces deeper at each level; nothing when it is no JSON.
[[nodiscard]] std::optional<std::string> indented_json(std::string_view text);
/// A whole number member of a JSON object; nothing when it is none.
[[nodiscard]] std::optional<std::int64_t> integer_in(std::string_view json, std::string_view name);
/// A text member of a JSON object; nothing when it is none.
[[nodiscard]] std::optional<std::string> string_in(std::string_view json, std::string_view name);

}  // namespace millrace::cli
