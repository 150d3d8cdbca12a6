// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::detail {
/// crc32c() without the processor's instruction, so that a test can compare the two.
[[nodiscard]] std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed = 0);
}  // namespace millrace::detail
