// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace::stream {

/// Of the manifest's form; docs/formats/manifest.md.
inline constexpr std::int64_t manifest_version = 1;
/// Rises when the library cuts the same topology into other parts than before.
inline constexpr std::int64_t plan_version = 1;

}  // namespace millrace::stream
