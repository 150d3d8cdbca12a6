// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "log_directory.hpp"
#include "millrace/base/file_system.hpp"

// The file `ballast` in the directory of a log reserves disk space for opening the log when the
// disk is full. It is half as large as a segment of the journal, so that no append can create a
// segment in the space that it frees.
namespace millrace::log::embedded {

/// The name of the file. While a member creates it, the name ends with the slot of the member and
/// `.tmp`.
inline constexpr const char* ballast_name = "ballast";

/// True if a file of this name is a ballast, or a ballast that is being created.
[[nodiscard]] bool is_ballast(std::string_view name);

/// Creates the ballast when it is missing and the disk has enough space. Extends a ballast that is
/// too short if there is space. Only for the member that may write checkpoints now, because several
/// members at once would reserve the space several times.
void keep_ballast(LogDirectory& directory);

/// Reserves disk space for all bytes of the ballast, because the ballast of a copied log may be a
/// sparse file.
void reserve_ballast(LogDirectory& directory);

/// Removes incomplete files that dead members, or this one, left. For a member.
void remove_unfinished_ballasts(LogDirectory& directory);

/// Frees this many bytes of the ballast, or all if it has fewer; false when it has none. The rest
/// stays reserved, so that appends cannot use it.
[[nodiscard]] bool shrink_ballast(LogDirectory& directory, std::uint64_t bytes);

/// Removes the ballast, so that its space can be used; false when there was none.
[[nodiscard]] bool release_ballast(FileSystem& files, const std::string& directory);

}  // namespace millrace::log::embedded
