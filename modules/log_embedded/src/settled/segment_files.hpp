// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/types.hpp"

// The files of a settled segment: docs/formats/settled_segment.md.
namespace millrace::log::embedded {

/// A segment is there when its `.log` is.
enum class SegmentFile : std::uint8_t { log, index, time_index, commits };
inline constexpr std::array segment_files{SegmentFile::log, SegmentFile::index,
                                          SegmentFile::time_index, SegmentFile::commits};

/// `DIR/<20 digits>.log`, `.index`, `.timeindex` or `.commits`, named by the segment's base
/// offset.
[[nodiscard]] std::string segment_path(const std::string& directory, Offset base, SegmentFile file);

/// What stands behind the name of a file while segments are removed or replaced.
enum class SegmentMark : std::uint8_t {
  none,
  cleaned,  ///< of a segment that is to replace others
  swap,     ///< of `.commits` alone: the segment replaces the others
  deleted   ///< of `.log` alone: the segment is removed, and all in front of it
};
[[nodiscard]] std::string segment_path(const std::string& directory, Offset base, SegmentFile file,
                                       SegmentMark mark);

struct SegmentName {
  Offset base;
  SegmentFile file = SegmentFile::log;
};
/// nullopt for any other name.
[[nodiscard]] std::optional<SegmentName> parse_segment_name(std::string_view name);

struct MarkedName {
  SegmentName segment;
  SegmentMark mark = SegmentMark::none;
};
/// Of a name with or without a mark; nullopt for any other name.
[[nodiscard]] std::optional<MarkedName> parse_marked_name(std::string_view name);

/// Base offsets of the segments in a directory, in order.
[[nodiscard]] Result<std::vector<Offset>> list_segments(FileSystem& files,
                                                        const std::string& directory);

}  // namespace millrace::log::embedded
