// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::log::embedded {

/// The maximum size of a file that a log reads as a whole.
inline constexpr std::uint64_t small_file_bytes_max = 256U << 20U;

/// Reads a whole file. errc::corrupt when it is larger than the files that a log writes: its size
/// is damaged, and reading it could use up the memory of the process.
[[nodiscard]] Result<std::string> read_small_file(FileSystem& files, const std::string& path);

}  // namespace millrace::log::embedded
