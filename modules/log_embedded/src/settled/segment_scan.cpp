// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_scan.hpp"

#include <limits>
#include <optional>
#include <utility>

#include "millrace/log/errors.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {
namespace {

/// A failure that says something about bytes, not about the disk.
bool is_damage(const Error& error) { return error.is(errc::corrupt) || error.is(errc::not_found); }

class Scanner {
 public:
  Scanner(FileSystem& files, const std::string& directory, Offset base, Offset synced,
          std::uint64_t interval_bytes)
      : files_(files),
        directory_(directory),
        base_(base),
        synced_(synced),
        at_(base),
        scan_{{}, {}, {}, IndexBuilder(base, interval_bytes), base} {}

  Result<SegmentScan> run() {
    MILLRACE_TRY(open_commits());
    MILLRACE_TRY(find_start());
    MILLRACE_TRY(walk());
    return std::move(scan_);
  }

 private:
  [[nodiscard]] std::string path(SegmentFile file) const {
    return segment_path(directory_, base_, file);
  }
  std::uint64_t& kept(SegmentFile file) { return scan_.kept[static_cast<std::size_t>(file)]; }

  Status open_commits() {
    auto opened = EntryFile<CommitEntry>::of(files_, path(SegmentFile::commits));
    if (!opened) {
      return opened.error().is(errc::not_found) ? Status{} : fail(std::move(opened).error());
    }
    char head[CommitEntry::header_bytes];
    MILLRACE_ASSIGN(const std::size_t got, opened->file().read_at(0, head, sizeof head));
    const auto checked = read_commits_header(opened->path(), {head, got}, base_);
    if (checked) {
      commits_ = *std::move(opened);
    } else if (checked.error().is(errc::incompatible) || synced_ > base_) {
      return fail(checked.error());
    }
    return {};
  }

  /// Continues behind the last index entry before `synced`, if it can be trusted.
  Status find_start() {
    if (!commits_ || synced_ <= base_) {
      return {};
    }
    const auto point = resume_point();
    if (!point) {
      return is_damage(point.error()) ? Status{} : fail(point.error());
    }
    if (*point) {
      const SettledSegment::ResumePoint& from = **point;
      start_ = from.log_bytes;
      entry_ = from.commits;
      indexed_ = true;
      kept(SegmentFile::index) = from.index_entries * OffsetEntry::bytes;
      kept(SegmentFile::time_index) = from.time_entries * TimeEntry::bytes;
      scan_.builder.resume(from.last, from.last_time ? &*from.last_time : nullptr);
    }
    return {};
  }

  Result<std::optional<SettledSegment::ResumePoint>> resume_point() {
    MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files_, directory_, base_));
    return segment.resume_point(synced_);
  }

  /// Up to `synced`. What lies behind is not looked at: it may be readable and yet not on the disk.
  Status walk() {
    MILLRACE_ASSIGN(const auto log, files_.open(path(SegmentFile::log), OpenMode::read));
    MILLRACE_ASSIGN(const std::uint64_t size, log->size());
    BatchWalker walker(*log, path(SegmentFile::log), start_, size);
    WalkedBatch batch;
    while (at_ < synced_) {
      const std::uint64_t position = walker.position();
      MILLRACE_ASSIGN(const bool found, walker.next(batch));
      if (!found) {
        return ends_early(position);
      }
      MILLRACE_TRY(check(batch));
      take(batch);
    }
    kept(SegmentFile::log) = kept_log_;
    if (kept_log_ > 0) {
      kept(SegmentFile::commits) = EntryFile<CommitEntry>::byte_of(entry_);
      MILLRACE_ASSIGN(const CommitEntry first, commits_->at(0));
      scan_.first_append_ms = first.append_time_ms;
    }
    scan_.next = at_;
    return {};
  }

  Status ends_early(std::uint64_t position) {
    return corrupt_at(path(SegmentFile::log), position,
                      "the file ends at offset " + std::to_string(at_.value) +
                          ", but offsets up to " + std::to_string(synced_.value) +
                          " were on the disk; restore the segment from a backup");
  }

  /// Whether the batch, and its commit, continue what was taken.
  Status check(const WalkedBatch& batch) {
    const std::int64_t base = batch.header.base_offset.value;
    const std::string name = "the batch at offset " + std::to_string(base);
    if (!batch.checksum_holds) {
      return corrupt_at(path(SegmentFile::log), batch.position,
                        name + " does not match its checksum");
    }
    if (base < at_.value ||
        batch.last_offset().value - base_.value > std::numeric_limits<std::int32_t>::max()) {
      return corrupt_at(path(SegmentFile::log), batch.position,
                        name + " does not follow offset " + std::to_string(at_.value));
    }
    // An index entry could not name it.
    if (batch.position > std::numeric_limits<std::int32_t>::max()) {
      return corrupt_at(path(SegmentFile::log), batch.position,
                        name + " begins behind the 2147483647 bytes that a segment has at most");
    }
    if (batch.last_offset() >= synced_) {
      return corrupt_at(path(SegmentFile::log), batch.position,
                        name + " ends at " + std::to_string(batch.last_offset().next().value) +
                            ", behind the offset " + std::to_string(synced_.value) +
                            ", where a batch has to end");
    }
    if (!commits_) {
      return corrupt_at(path(SegmentFile::commits), 0, "the file is missing");
    }
    MILLRACE_ASSIGN(const CommitEntry commit, commits_->at(entry_));
    if (commit.base_offset.value != base) {
      return corrupt_at(commits_->path(), commits_->byte_of(entry_),
                        "the entry is that of offset " + std::to_string(commit.base_offset.value) +
                            ", the batch in the .log file is at offset " + std::to_string(base));
    }
    return {};
  }

  void take(const WalkedBatch& batch) {
    // The batch at the start has its index entry already.
    if (!std::exchange(indexed_, false)) {
      scan_.builder.add(batch.header, batch.position, scan_.index, scan_.times);
    }
    at_ = batch.last_offset().next();
    kept_log_ = batch.position + batch.bytes.size();
    ++entry_;
  }

  FileSystem& files_;
  const std::string& directory_;
  Offset base_;
  Offset synced_;
  Offset at_;
  SegmentScan scan_;
  std::optional<EntryFile<CommitEntry>> commits_;
  std::uint64_t start_ = 0;     // where the walk begins
  bool indexed_ = false;        // the batch there has an index entry that is kept
  std::uint64_t kept_log_ = 0;  // end of the batches that count
  std::uint64_t entry_ = 0;     // number of the next batch's commit
};

}  // namespace

Result<SegmentScan> scan_segment(FileSystem& files, const std::string& directory, Offset base,
                                 Offset synced, std::uint64_t interval_bytes) {
  return Scanner(files, directory, base, synced, interval_bytes).run();
}

}  // namespace millrace::log::embedded
