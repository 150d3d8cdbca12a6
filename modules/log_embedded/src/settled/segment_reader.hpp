// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {

/// Reads the settled segments of one partition. Each call opens the segment it needs, four
/// descriptors, and closes it, or two at a time where it goes from one to the next: readers of any
/// number of partitions hold none between calls. What lies at or behind `end` is never read: the
/// writer may be writing there. errc::corrupt names file and byte; errc::not_found when a segment
/// was removed or replaced since refresh(): then call that, and repeat the call. What was replaced
/// is never read together with what it was replaced by. Not thread-safe; the file system outlives
/// it.
class SegmentReader {
 public:
  [[nodiscard]] static Result<SegmentReader> open(FileSystem& files, std::string directory);

  /// Looks again which segments there are.
  [[nodiscard]] Status refresh();
  /// The base offset of the first segment; nullopt without one.
  [[nodiscard]] std::optional<Offset> start() const;

  /// Reads the batch that holds `from`, or the first one behind it, and those that follow, up to
  /// `end`, which is one past the last offset of a batch. Sets out.next behind them. When `from` is
  /// before `end` it returns at least one batch, or out.next is `end`: compaction took what was
  /// there. A batch may have no record. At most `max_bytes` unless the first batch is larger; the
  /// batches of one call lie in one segment. errc::out_of_range when `from` lies before the first
  /// segment.
  [[nodiscard]] Status read(Offset from, Offset end, std::size_t max_bytes, SettledBatches& out);

  /// The first offset before `end` whose record's time is at or after the given one; within a
  /// compressed batch its base offset. Looks from the segment on that holds `from`, so what it
  /// finds may lie before that. Linear in the segments from there on: it opens each of them once,
  /// up to the one with the record. Logarithmic in a segment.
  [[nodiscard]] Result<std::optional<Offset>> find_time(std::int64_t time_ms, Offset end,
                                                        Offset from = {});
  /// The first batch before offset `end` of a commit that ends behind that position of the journal:
  /// where a reader that has all commits up to it continues. Logarithmic.
  [[nodiscard]] Result<std::optional<CommitEntry>> find_position(std::uint64_t position,
                                                                 Offset end);

 private:
  struct Listed {
    Offset base;
    bool swapped = false;       // its files do not all have their names yet
    bool follows = false;       // the one in front ends where this one says; once it was read
    std::optional<Offset> end;  // one past its last offset; once a search passed it
    std::optional<std::int64_t> largest_time_ms;  // once it was read; never of the last segment
  };

  SegmentReader(FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}
  [[nodiscard]] std::size_t count_up_to(Offset from) const;
  [[nodiscard]] Result<SettledSegment> open_segment(std::size_t number) const;
  [[nodiscard]] Status check_follows(std::size_t number);
  [[nodiscard]] Status check_follows(std::size_t number, const SettledSegment& segment, Offset end);
  [[nodiscard]] Status check_unchanged() const;

  FileSystem* files_;
  std::string directory_;
  std::vector<Listed> segments_;
};

}  // namespace millrace::log::embedded
