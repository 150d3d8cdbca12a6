// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/file_system.hpp"

namespace millrace::log::embedded {

/// The highest version of the directory of a log that this build knows. A new log has version 1. It
/// gets version 2 when it begins to settle, so that older builds, which would not find the settled
/// records, refuse it. It gets version 3 before the first settled segment is removed or compacted.
inline constexpr std::uint32_t format_version = 3;
inline constexpr std::uint32_t format_version_settled = 2;
inline constexpr std::uint32_t format_version_unsettled = 1;

/// The content of the file `version`: `millrace-log <version> <id of the log, 16 hex digits>`.
struct Version {
  std::uint32_t format = format_version_unsettled;
  std::uint64_t log_id = 0;
};

/// A new log is created only in a directory that is missing or empty, or that only has files of an
/// earlier attempt to create a log. errc::invalid_argument names another file that is there.
[[nodiscard]] Status check_room_for_new_log(FileSystem& files, const std::string& directory);

/// errc::invalid_argument for an empty path, incompatible for a newer format, corrupt for invalid
/// content, not_found.
[[nodiscard]] Result<Version> read_version_file(FileSystem& files, const std::string& directory);
[[nodiscard]] Status write_version_file(FileSystem& files, const std::string& directory,
                                        Version version);
/// Sets the version of the directory to `format`, durably. Call it before anything is written that
/// older builds would not understand. False when it has this version or a later one. Errors are
/// those of both functions above.
[[nodiscard]] Result<bool> raise_version(FileSystem& files, const std::string& directory,
                                         std::uint32_t format);

/// Reserves space for the file `FAILED`, so that it can be written on a full disk.
[[nodiscard]] Status reserve_failure_file(FileSystem& files, const std::string& directory);
/// Writes the reason why the log refuses appends to `FAILED`, if necessary into the reserved space.
[[nodiscard]] Status write_failure_file(FileSystem& files, const std::string& directory,
                                        const std::string& reason);
/// The content of `FAILED`; empty when there is no such file.
[[nodiscard]] std::string read_failure_file(FileSystem& files, const std::string& directory);

}  // namespace millrace::log::embedded
