// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/file_system.hpp"

namespace millrace::log::embedded {

/// The version of everything in a log's directory.
inline constexpr std::uint32_t format_version = 1;

/// What the file `version` says: `millrace-log <version> <id of the log, 16 hex digits>`.
struct Version {
  std::uint32_t format = format_version;
  std::uint64_t log_id = 0;
};

/// errc::incompatible for a newer format, corrupt when it makes no sense, not_found.
[[nodiscard]] Result<Version> read_version_file(FileSystem& files, const std::string& directory);
[[nodiscard]] Status write_version_file(FileSystem& files, const std::string& directory,
                                        Version version);

}  // namespace millrace::log::embedded
