// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// Of the manifest's form, at most; docs/formats/manifest.md.
inline constexpr std::int64_t manifest_version = 5;
/// The lowest version whose readers understand that manifest: builds before continue to read what
/// they understand.
[[nodiscard]] std::int64_t version_of(const Manifest& manifest);
/// Of a store or a processor: what JSON keeps of an integer.
inline constexpr std::int64_t version_max = std::int64_t{1} << 53U;
/// Rises when the library cuts the same topology into other parts than before.
inline constexpr std::int64_t plan_version = 1;

}  // namespace millrace::stream
