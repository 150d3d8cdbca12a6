// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/cleaning_round.hpp"
#include "settled/compactor.hpp"
#include "settled/offset_map.hpp"

namespace millrace::log::embedded {

/// compact() in steps, so that a large partition does not keep its caller for long. A round has two
/// parts, and as many rounds are done as the keys need:
///
///     fill    reads the last offset of each key of what is new into the map; writes nothing
///     clean   replaces one group of segments after the other
///
/// Between two steps no change is under way in the directory: a SegmentWriter may be opened there,
/// and retention may remove segments. Dropped between two steps it leaves what it did; another one
/// reads all again. Not thread-safe; the file system outlives it.
class Compaction {
 public:
  /// As compact().
  Compaction(FileSystem& files, std::string directory, const CompactionOptions& options,
             Offset settled, std::int64_t now_ms)
      : files_(files),
        directory_(std::move(directory)),
        options_(options),
        settled_(settled),
        now_ms_(now_ms) {}
  Compaction(const Compaction&) = delete;
  Compaction& operator=(const Compaction&) = delete;

  /// Continues until about so many bytes were read; of a group that was begun all. True when the
  /// compaction is complete: then no further step is to follow. After an error, too.
  [[nodiscard]] Result<bool> step(std::uint64_t bytes);
  /// What was done so far.
  [[nodiscard]] const CompactionResult& result() const { return result_; }

 private:
  [[nodiscard]] Status begin();
  [[nodiscard]] Status find_segments();
  void begin_round();
  [[nodiscard]] Result<bool> fill_on();
  [[nodiscard]] Result<bool> fill_from(const CleanableSegment& one);
  [[nodiscard]] Result<bool> clean_on();
  [[nodiscard]] std::span<const CleanableSegment> next_group();
  [[nodiscard]] Status end_round();
  void spend(std::uint64_t bytes) { bytes_left_ -= bytes < bytes_left_ ? bytes : bytes_left_; }

  FileSystem& files_;
  const std::string directory_;
  const CompactionOptions options_;
  Offset settled_;
  std::int64_t now_ms_;
  bool begun_ = false;
  std::uint64_t bytes_left_ = 0;  // of this step
  Offset closed_end_;             // of the segments that have a successor
  Offset boundary_;               // end of the segments that may be rewritten
  std::vector<CleanableSegment> segments_;
  // Of a round.
  Offset from_;     // its keys begin here
  Offset fill_at_;  // the map has the keys before it
  Offset map_end_;
  Offset clean_at_;  // segments that begin before it are done
  std::optional<OffsetMap> map_;
  std::optional<CleaningRound> round_;  // while it cleans
  CompactionResult result_;
};

}  // namespace millrace::log::embedded
