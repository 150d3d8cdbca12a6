// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace::log::kafka {

/// A millisecond in nanoseconds.
inline constexpr std::int64_t ms = 1'000'000;

}  // namespace millrace::log::kafka
