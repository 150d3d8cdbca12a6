// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace retail {

/// The port that process `pid` wrote to its run file; nothing while there is none, or one of an
/// earlier process.
[[nodiscard]] std::optional<std::uint16_t> read_port(const std::string& path, std::int64_t pid);

}  // namespace retail
