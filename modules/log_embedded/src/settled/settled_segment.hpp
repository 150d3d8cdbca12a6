// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log_embedded/batch_walker.hpp"
#include "settled/segment_entries.hpp"

namespace millrace::log::embedded {

/// Batches that were read, with the commits that they were part of.
struct SettledBatches {
  struct Batch {
    std::size_t at = 0;  ///< in `memory`
    RecordBatchHeader header;
    CommitEntry commit;
  };
  std::string memory;  ///< what was read of the file, also what lies around the batches
  std::vector<Batch> batches;
  Offset next;  ///< one past the last offset that was read
  [[nodiscard]] std::string_view view(const Batch& batch) const {
    return std::string_view(memory).substr(batch.at, batch.header.bytes);
  }
  void clear() {
    memory.clear();
    batches.clear();
  }
};

/// One segment, opened for reading: four descriptors while it lives, five in open(). Every batch is
/// checked against its checksum, its order and its commit; what an index file says is checked
/// against the batch that it names. errc::corrupt names file and byte; errc::not_found when a file
/// is gone. Not thread-safe; the file system outlives it.
class SettledSegment {
 public:
  /// `swapped` opens a segment that replaces others and whose files do not all have their names yet
  /// (ListedSegment). errc::not_found, too, when the files were replaced while they were opened:
  /// then they would be some of the old segment and some of the new one.
  [[nodiscard]] static Result<SettledSegment> open(FileSystem& files, const std::string& directory,
                                                   Offset base, bool swapped = false);

  /// Adds to `out`, which has no batch, the batch that holds `from`, or the first one behind it,
  /// and those that follow, as far as they begin before `end` and lie in the file. At most
  /// `max_bytes`, but the first batch whole; sets out.next when it adds one, and to `end` when
  /// compaction took what lay between. Bytes at and behind `end` are looked at in that case alone.
  [[nodiscard]] Status read(Offset from, Offset end, std::size_t max_bytes,
                            SettledBatches& out) const;

  /// The first record before `end` whose time is at or after the given one; of a compressed batch
  /// the base offset. Reads so many index entries as the logarithm of their number, and one
  /// interval of the `.log`; for times before 1970, which have no entries, more.
  [[nodiscard]] Result<std::optional<Offset>> find_time(std::int64_t time_ms, Offset end) const;
  /// The largest time with an entry; -1 without one, nullopt when its entry is none that can be.
  /// Of a segment that has a successor it is that of all records, unless all are before 1970.
  [[nodiscard]] Result<std::optional<std::int64_t>> largest_time_ms() const;

  /// The first batch before `end` of a commit that ends behind that position of the journal; reads
  /// so many entries as the logarithm of their number.
  [[nodiscard]] Result<std::optional<CommitEntry>> find_commit(std::uint64_t position,
                                                               Offset end) const;
  /// The first batch's; nullopt in an empty segment.
  [[nodiscard]] Result<std::optional<CommitEntry>> first_commit() const;

  /// Where the segment in front ended, one past its last offset, by the header of the commits; 0
  /// without one.
  [[nodiscard]] Offset end_in_front() const { return end_in_front_; }
  /// One past the last offset of a segment that has a successor; end_in_front() of an empty one.
  [[nodiscard]] Result<Offset> end() const;
  /// How often the files of this base were replaced.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  /// Bytes of the `.log` file.
  [[nodiscard]] std::uint64_t log_bytes() const { return log_bytes_; }
  /// Whether all batches of a segment that has a successor were appended before that time. Reads
  /// one entry when the last batch was not, else all of them: clocks may go back.
  [[nodiscard]] Result<bool> appended_before(std::int64_t time_ms) const;

  /// Where to continue the files behind the last index entry before an offset.
  struct ResumePoint {
    std::uint64_t log_bytes = 0;  ///< position of the batch that has the entry
    std::uint64_t commits = 0;    ///< entries before that of this batch
    std::uint64_t index_entries = 0;
    std::uint64_t time_entries = 0;
    OffsetEntry last;
    std::optional<TimeEntry> last_time;
  };
  /// nullopt without such an entry.
  [[nodiscard]] Result<std::optional<ResumePoint>> resume_point(Offset before) const;

 private:
  SettledSegment(Offset base, std::unique_ptr<File> log, std::string path,
                 EntryFile<OffsetEntry> index, EntryFile<TimeEntry> times,
                 EntryFile<CommitEntry> commits)
      : base_(base),
        log_(std::move(log)),
        path_(std::move(path)),
        index_(std::move(index)),
        times_(std::move(times)),
        commits_(std::move(commits)) {}

  [[nodiscard]] Offset offset_of(std::int32_t relative) const {
    return offset(base_.value + relative);
  }
  [[nodiscard]] Result<std::uint64_t> position_of(std::uint64_t index_entry) const;
  [[nodiscard]] Result<std::uint64_t> position_before(Offset target) const;
  [[nodiscard]] Result<bool> next(BatchWalker& walker, Offset& at, Offset end,
                                  WalkedBatch& batch) const;
  [[nodiscard]] Result<TimeEntry> checked_time(std::uint64_t number) const;
  [[nodiscard]] Result<std::uint64_t> time_start(std::int64_t time_ms, Offset end) const;
  [[nodiscard]] Result<Offset> end_of(const CommitEntry& commit) const;
  [[nodiscard]] Result<std::uint64_t> commits_before(Offset target) const;
  [[nodiscard]] Result<CommitEntry> commit_of(const WalkedBatch& batch, std::uint64_t number) const;
  [[nodiscard]] Result<std::uint64_t> number_of(const WalkedBatch& batch,
                                                std::optional<Offset> passed) const;
  [[nodiscard]] Status check_end(Offset at, std::optional<std::uint64_t> number, Offset end) const;

  Offset base_;
  std::unique_ptr<File> log_;
  std::string path_;
  EntryFile<OffsetEntry> index_;
  EntryFile<TimeEntry> times_;
  EntryFile<CommitEntry> commits_;
  std::uint64_t log_bytes_ = 0;
  Offset end_in_front_;
  std::uint32_t generation_ = 0;
};

}  // namespace millrace::log::embedded
