// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>

namespace millrace::stream {

/// What a changed key takes in a batch beside its bytes, at most, with the headers that say the
/// type of its value.
inline constexpr std::size_t change_overhead_bytes = 56;

}  // namespace millrace::stream
