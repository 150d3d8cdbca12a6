// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::log::embedded {

/// What a file may have at most that a log reads as a whole.
inline constexpr std::uint64_t small_file_bytes_max = 256U << 20U;

/// Reads a whole file. errc::corrupt when it is larger than a log makes them: its size is damaged,
/// and the process would end for want of memory.
[[nodiscard]] Result<std::string> read_small_file(FileSystem& files, const std::string& path);

}  // namespace millrace::log::embedded
