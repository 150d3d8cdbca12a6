// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "frame_walker.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
#include "segment_index.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// The files with the locations of the batches of complete segments, so that a process that opens a
/// log need not read these segments. They contain only durable frames.
class IndexFiles {
 public:
  /// All outlive it.
  IndexFiles(LogDirectory& directory, Journal& journal, Index& index, Topics& topics)
      : directory_(directory), journal_(journal), index_(index), topics_(topics) {}

  /// Writes the missing files of the segments that begin at or after `begin` and end before
  /// `durable`. Only one thread of one member may call it at a time, without the writer lock.
  [[nodiscard]] Status write_up_to(std::uint64_t durable, std::uint64_t begin);
  /// Adds the batches of the segment that begins at the position of `walker` to index and rows,
  /// except settled ones, and moves the walker to the end of the segment. False when there is no
  /// file that fits; then nothing was changed. The topics must be known. errc::disk_full, limit,
  /// io_error.
  [[nodiscard]] Result<bool> load(const Locked& locked, const Journal::SegmentSpan& segment,
                                  FrameWalker& walker);

 private:
  /// The size of the file; 0 when the segment cannot have one yet.
  [[nodiscard]] Result<std::uint64_t> write(const Journal::SegmentSpan& segment);
  [[nodiscard]] Result<bool> first_frame(std::uint64_t position, FrameHeader& header);
  [[nodiscard]] Status collect(const Journal::SegmentSpan& segment, SegmentIndex& made);
  /// Of the row of that number.
  [[nodiscard]] Result<std::vector<IndexEntry>> entries_of(const Journal::SegmentSpan& segment,
                                                           std::uint32_t number);
  [[nodiscard]] Result<bool> fits(const Locked& locked, const SegmentIndex& read);

  LogDirectory& directory_;
  Journal& journal_;
  Index& index_;
  Topics& topics_;
  std::uint64_t written_ = 0;  ///< segments before it have their file
};

/// Removes the index files of all segments that end after `position`, durably. Call it before the
/// journal is cut there.
[[nodiscard]] Status remove_index_files(FileSystem& files, Journal& journal,
                                        std::uint64_t position);

}  // namespace millrace::log::embedded
