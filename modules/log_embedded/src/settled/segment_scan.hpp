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
  Offset next;        ///< one past the last offset
  bool torn = false;  ///< batches or commits lie behind what is kept
};

/// Looks where the last segment of a directory ends, and changes nothing. Reads the `.log` from the
/// last index entry before `synced` on, or all of it when the index files are missing, damaged or
/// of no use. A batch counts when it is whole, its checksum holds, its offsets follow and its
/// commit has its entry. errc::corrupt, naming file and byte, when one that lies before `synced`
/// does not; errc::incompatible for files of a newer version.
[[nodiscard]] Result<SegmentScan> scan_segment(FileSystem& files, const std::string& directory,
                                               Offset base, Offset synced,
                                               std::uint64_t interval_bytes);

}  // namespace millrace::log::embedded
