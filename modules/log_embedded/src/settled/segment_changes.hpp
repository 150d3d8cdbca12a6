// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"

// How segments are removed and replaced, so that a crash at any moment leaves the old ones or the
// new one: docs/formats/settled_segment.md. Only one caller at a time changes the segments of a
// directory, and a SegmentWriter is not opened there meanwhile; one that is open may append.
// Readers need not know of it.
namespace millrace::log::embedded {

/// A segment as a reader sees it.
struct ListedSegment {
  Offset base;
  bool swapped = false;  ///< it replaces others, and its files do not all have their names yet
};
/// The segments of a directory in order, without those that are being removed or were replaced.
/// errc::corrupt when one that replaces others has lost a file, or is damaged.
[[nodiscard]] Result<std::vector<ListedSegment>> view_segments(FileSystem& files,
                                                               const std::string& directory);

/// Completes removals and replacements that a crash or an error interrupted, and removes the files
/// of those that did not count yet. errc::corrupt when a segment that replaces others is damaged.
[[nodiscard]] Status finish_changes(FileSystem& files, const std::string& directory);

/// Removes the segments that begin at or behind `end`, whatever is under way there, and lets the
/// next compaction look again at what lies behind `end`: a recovery that takes it out of the
/// journal again calls this first.
[[nodiscard]] Status cut_segments(FileSystem& files, const std::string& directory, Offset end);

/// Removes the segments up to the one with base `last`. They do not count any more once the first
/// step is durable; an error before leaves them, and the next finish_changes() completes the rest.
[[nodiscard]] Status remove_segments(FileSystem& files, const std::string& directory, Offset last);

/// Puts the segment `base`, whose four files with the mark `cleaned` are durable, in the place of
/// all segments whose base lies in [base, end); `end` is one past its last offset. An error may
/// leave the change in the middle; the next finish_changes() completes it.
[[nodiscard]] Status replace_segments(FileSystem& files, const std::string& directory, Offset base,
                                      Offset end);

}  // namespace millrace::log::embedded
