// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/file_system.hpp"

namespace millrace::log::embedded {

/// The highest version of a log's directory that this build knows. A new log has the first one; one
/// that begins to settle gets the second, so that older builds, which would not find what is
/// settled, refuse it; and the third before the first settled segment is removed or compacted.
inline constexpr std::uint32_t format_version = 3;
inline constexpr std::uint32_t format_version_settled = 2;
inline constexpr std::uint32_t format_version_unsettled = 1;

/// What the file `version` says: `millrace-log <version> <id of the log, 16 hex digits>`.
struct Version {
  std::uint32_t format = format_version_unsettled;
  std::uint64_t log_id = 0;
};

/// A new log is made only in a directory that is missing or empty, or that holds what an attempt to
/// make one left. errc::invalid_argument names what else is there.
[[nodiscard]] Status check_room_for_new_log(FileSystem& files, const std::string& directory);

/// errc::invalid_argument for an empty path, incompatible for a newer format, corrupt when it makes
/// no sense, not_found.
[[nodiscard]] Result<Version> read_version_file(FileSystem& files, const std::string& directory);
[[nodiscard]] Status write_version_file(FileSystem& files, const std::string& directory,
                                        Version version);
/// Gives the directory the version `format`, durably, before anything is written that older builds
/// would not understand. False when it has that version or a later one. Failures as of both above.
[[nodiscard]] Result<bool> raise_version(FileSystem& files, const std::string& directory,
                                         std::uint32_t format);

/// Makes room for the file `FAILED`, so that a full disk cannot keep it from being written.
[[nodiscard]] Status reserve_failure_file(FileSystem& files, const std::string& directory);
/// Writes why no appends are taken into `FAILED`, if need be into the room that was made for it.
[[nodiscard]] Status write_failure_file(FileSystem& files, const std::string& directory,
                                        const std::string& reason);
/// What `FAILED` says; empty when there is no such file.
[[nodiscard]] std::string read_failure_file(FileSystem& files, const std::string& directory);

}  // namespace millrace::log::embedded
