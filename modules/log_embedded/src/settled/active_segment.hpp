// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/index_builder.hpp"
#include "settled/segment_files.hpp"
#include "settled/segment_scan.hpp"

namespace millrace::log::embedded {

/// A batch that is durable in the journal, and its commit.
struct CommittedBatch {
  std::string_view bytes;  ///< a whole RecordBatch v2 with its base offset, of leader epoch 0
  LogPosition position;    ///< the end of the commit in the journal, and its incarnation
  std::int64_t append_time_ms = 0;
};

/// The segment that is written: its files, and the bytes that are to follow in each. A failed
/// write changes nothing that counts, and the same bytes are written again by the next flush().
/// Four descriptors while it lives. Not thread-safe.
class ActiveSegment {
 public:
  /// Makes the files of an empty segment, the `.log` last: without it there is no segment. The
  /// names are not durable yet. `end_in_front` is where the segment in front ends, or 0.
  [[nodiscard]] static Result<ActiveSegment> create(FileSystem& files, const std::string& directory,
                                                    Offset base, Offset end_in_front,
                                                    std::uint64_t interval_bytes) {
    return create(files, directory, base, end_in_front, interval_bytes, SegmentMark::none, 0);
  }
  /// The same with a mark behind the names, and how often the files of that base were replaced.
  [[nodiscard]] static Result<ActiveSegment> create(FileSystem& files, const std::string& directory,
                                                    Offset base, Offset end_in_front,
                                                    std::uint64_t interval_bytes, SegmentMark mark,
                                                    std::uint32_t generation);
  /// Opens the files of the last segment, cut to what scan_segment() keeps. The cut is not durable
  /// before the next sync(); when it is lost, the next recovery repeats it.
  [[nodiscard]] static Result<ActiveSegment> recover(FileSystem& files,
                                                     const std::string& directory, Offset base,
                                                     Offset end_in_front, SegmentScan scan);

  [[nodiscard]] Offset base() const { return base_; }
  [[nodiscard]] Offset next() const { return next_; }
  /// One past the last offset of this segment, or of the one in front when this one is empty.
  [[nodiscard]] Offset end() const { return log_bytes() == 0 ? end_in_front_ : next_; }
  /// Bytes of the `.log` file, those to follow included.
  [[nodiscard]] std::uint64_t log_bytes() const;
  /// When its first batch was appended; only with one.
  [[nodiscard]] std::int64_t first_append_ms() const { return first_append_ms_; }
  /// Bytes that wait for flush(), of the `.log`.
  [[nodiscard]] std::uint64_t waiting_bytes() const {
    return stream(SegmentFile::log).waiting.size();
  }
  /// Whether the offsets of the batch can be written relative to the base.
  [[nodiscard]] bool reaches(const RecordBatchHeader& header) const;

  void add(const RecordBatchHeader& header, const CommittedBatch& batch);
  /// Adds the last entry of a segment that gets a successor.
  void close() { builder_.close(stream(SegmentFile::time_index).waiting); }
  [[nodiscard]] Status flush();
  /// Writes and makes durable all that was added.
  [[nodiscard]] Status sync();

 private:
  struct Stream {
    std::unique_ptr<File> file;
    std::uint64_t written = 0;
    std::string waiting;  // to be written behind that
  };

  ActiveSegment(Offset base, Offset next, Offset end_in_front, IndexBuilder builder)
      : base_(base), next_(next), end_in_front_(end_in_front), builder_(builder) {}
  [[nodiscard]] Stream& stream(SegmentFile file) {
    return streams_[static_cast<std::size_t>(file)];
  }
  [[nodiscard]] const Stream& stream(SegmentFile file) const {
    return streams_[static_cast<std::size_t>(file)];
  }

  Offset base_;
  Offset next_;
  Offset end_in_front_;
  std::int64_t first_append_ms_ = 0;
  IndexBuilder builder_;
  std::array<Stream, segment_files.size()> streams_;
};

}  // namespace millrace::log::embedded
