// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

namespace millrace {
/// The directory that holds a path: `a` of `a/b`, `/` of `/b`, `.` of `b`.
[[nodiscard]] std::string directory_of(const std::string& path);
}  // namespace millrace
