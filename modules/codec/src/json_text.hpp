// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

#include "writer.hpp"

namespace millrace::codec {

/// Writes a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that the text
/// is always valid JSON.
void write_json_string(Writer& out, std::string_view text);

}  // namespace millrace::codec
