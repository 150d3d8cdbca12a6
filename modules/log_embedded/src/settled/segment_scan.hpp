// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/index_builder.hpp"
#include "settled/segment_files.hpp"

namespace millrace::log::embedded {

/// How the files of the last segment are to be continued after a crash or a close.
struct SegmentScan {
  /// Bytes of each file that stay, by SegmentFile.
  std::array<std::uint64_t, segment_files.size()> kept{};
  /// What follows in the index files, by the batches behind the kept entries.
  std::string index;
  std::string times;
  IndexBuilder builder;
  Offset next;                       ///< one past the last offset
  std::int64_t first_append_ms = 0;  ///< of the first batch, when one is kept
};

/// Looks how the last segment of a directory is continued at `synced`, and changes nothing. Reads
/// the `.log` from the last index entry before `synced` up to `synced`; from the beginning when the
/// index files are missing, damaged or of no use. Nothing is kept of a segment whose base lies at
/// or behind `synced`. errc::corrupt, naming file and byte, when a batch before `synced` is missing
/// or not whole, its checksum does not hold, its offsets do not follow or its commit has no entry,
/// and when none ends at `synced`; errc::incompatible for files of a newer version.
[[nodiscard]] Result<SegmentScan> scan_segment(FileSystem& files, const std::string& directory,
                                               Offset base, Offset synced,
                                               std::uint64_t interval_bytes);

}  // namespace millrace::log::embedded
