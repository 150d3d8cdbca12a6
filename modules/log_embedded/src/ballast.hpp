// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "log_directory.hpp"
#include "millrace/base/file_system.hpp"

// The file `ballast` in the directory of a log: room on the disk for opening the log when the disk
// is full. It is half as large as a segment of the journal, so that no append can begin a segment
// in the room that it gives back.
namespace millrace::log::embedded {

/// The name of the file; one that a member is making has the slot of the member and `.tmp` behind
/// it.
inline constexpr const char* ballast_name = "ballast";

/// Whether a file of that name is a ballast, or one that is being made.
[[nodiscard]] bool is_ballast(std::string_view name);

/// Makes the ballast when there is none and there is room. One that is too short gets the missing
/// bytes if there is room for them. For the member that may write checkpoints now: several at once
/// would take the room of several.
void keep_ballast(LogDirectory& directory);

/// Reserves room for all bytes of the ballast: that of a copied log may have fewer on the disk.
void reserve_ballast(LogDirectory& directory);

/// Removes what dead members, and this one, left half made. For a member.
void remove_unfinished_ballasts(LogDirectory& directory);

/// Gives back room for so many bytes, of as many as there are; false when the ballast has none.
/// What is left is not in the way of anybody who needs little, and out of reach of appends.
[[nodiscard]] bool shrink_ballast(LogDirectory& directory, std::uint64_t bytes);

/// Removes the ballast, so that its room can be used; false when there was none.
[[nodiscard]] bool release_ballast(FileSystem& files, const std::string& directory);

}  // namespace millrace::log::embedded
