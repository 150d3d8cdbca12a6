// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// The text as one word of a POSIX shell: in single quotes unless it needs none.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace millrace
