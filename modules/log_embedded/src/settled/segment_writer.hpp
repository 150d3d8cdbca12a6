// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "settled/active_segment.hpp"

namespace millrace::log::embedded {

struct SegmentOptions {
  /// A batch that would make the `.log` file larger begins a new segment; a larger batch has one
  /// to itself. At most 2^31 - 1, as on Kafka.
  std::uint64_t segment_bytes = 1ULL << 30U;
  /// About one index entry for so many bytes.
  std::uint64_t index_interval_bytes = 4096;
  /// A batch that was appended so long after the first one of a segment begins a new one; nullopt:
  /// whenever that was.
  std::optional<std::int64_t> segment_ms = {};
};

/// Writes the settled segments of one partition: `.log`, `.index` and `.timeindex` byte for byte as
/// Kafka does, and `.commits` (docs/formats/settled_segment.md). What was appended counts once
/// sync() has returned; until then a crash may take it away again, from the end. Holds about 256
/// KiB, or one batch, and four descriptors. One writer for a directory. Not thread-safe; the file
/// system outlives it.
///
///     MILLRACE_ASSIGN(auto writer, SegmentWriter::open(files, directory, synced, {}));
///     MILLRACE_TRY(writer.append({batch, {incarnation, commit_end}, append_time_ms}));
///     MILLRACE_TRY(writer.sync());
class SegmentWriter {
 public:
  /// Opens the directory, makes it when it is missing, and continues at `synced`: the last value of
  /// synced() that is known, or 0. What lies behind it in the last segment is cut and has to be
  /// appended again out of the journal: that it can be read does not mean that it is on the disk,
  /// for after a failed sync it may be in the page cache alone. What is damaged before it is
  /// errc::corrupt and stays as it is. Index files of the last segment are built again from its
  /// `.log` as far as needed. Completes what a removal or a compaction left unfinished; neither may
  /// run in the directory meanwhile. errc::invalid_argument for options out of range.
  [[nodiscard]] static Result<SegmentWriter> open(FileSystem& files, std::string directory,
                                                  Offset synced, SegmentOptions options);

  /// Adds a batch; offsets rise, with gaps at will. errc::invalid_argument, and nothing is added,
  /// when the bytes are no whole batch with a good checksum and leader epoch 0, or its offsets lie
  /// before next(). errc::disk_full and errc::io_error: the batch was not added, and append() may
  /// be called again.
  [[nodiscard]] Status append(const CommittedBatch& batch);
  /// Writes what was appended, for one who makes many files durable at once: when that was done,
  /// batches before next() are durable. synced() does not learn of it.
  [[nodiscard]] Status flush();
  /// Makes all that was appended durable, names included. After a failed sync of a file each
  /// further call fails: which of the bytes are on the disk is not known. Open a new writer at
  /// synced() then.
  [[nodiscard]] Status sync();

  [[nodiscard]] Offset next() const { return next_; }
  /// Batches before this offset are durable.
  [[nodiscard]] Offset synced() const { return synced_; }

 private:
  SegmentWriter(FileSystem& files, std::string directory, SegmentOptions options)
      : files_(&files), directory_(std::move(directory)), options_(options) {}
  [[nodiscard]] Status recover(Offset synced);
  [[nodiscard]] Status make_room(const RecordBatchHeader& header, std::int64_t append_time_ms);

  FileSystem* files_;
  std::string directory_;
  SegmentOptions options_;
  std::optional<ActiveSegment> active_;  // none in an empty directory
  bool names_durable_ = true;
  Offset next_;
  Offset synced_;
  std::optional<Error> failed_;  // of a sync
};

}  // namespace millrace::log::embedded
