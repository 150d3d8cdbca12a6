// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <string_view>

namespace millrace::http {

/// Whether the value of a `Content-Type` field stands for JSON: `application/json` or
/// `application/*+json`, with no charset or that of UTF-8.
[[nodiscard]] bool is_json_type(std::string_view content_type);

}  // namespace millrace::http
