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

/// The files that say where the batches of complete segments lie, so that who opens a log need not
/// read those segments. They speak of durable frames alone.
class IndexFiles {
 public:
  /// All outlive it.
  IndexFiles(LogDirectory& directory, Journal& journal, Index& index, Topics& topics)
      : directory_(directory), journal_(journal), index_(index), topics_(topics) {}

  /// Writes those that are missing of the segments that begin at or behind `begin` and end before
  /// `durable`. By one member at a time, and one thread of it, without the writer lock.
  [[nodiscard]] Status write_up_to(std::uint64_t durable, std::uint64_t begin);
  /// Takes the batches of the segment that begins at `walker`'s position into index and rows, but
  /// not those that are settled, and moves the walker to its end. False when there is no file that
  /// fits what is known: then nothing changed. The topics are known. errc::disk_full, limit,
  /// io_error.
  [[nodiscard]] Result<bool> load(const Locked& locked, const Journal::SegmentSpan& segment,
                                  FrameWalker& walker);

 private:
  /// The bytes of the file; 0 when the segment cannot have one yet.
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

/// Removes the index files of all segments that end behind `position`, durably: before the journal
/// is cut there.
[[nodiscard]] Status remove_index_files(FileSystem& files, Journal& journal,
                                        std::uint64_t position);

}  // namespace millrace::log::embedded
