// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/settled_segment.hpp"

#include <algorithm>

#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/backend/time_scan.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_files.hpp"

namespace millrace::log::embedded {
namespace {

/// The first record of the batch at or after the time; of a compressed one its base offset.
Result<std::optional<Offset>> first_at(const WalkedBatch& batch, std::int64_t time_ms) {
  if ((static_cast<unsigned>(batch.header.attributes) & batch_layout::codec_bits) != 0) {
    return batch.header.base_offset;
  }
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(batch.bytes, records));
  return first_at_time(records, time_ms);
}

}  // namespace

Result<SettledSegment> SettledSegment::open(FileSystem& files, const std::string& directory,
                                            Offset base, bool swapped) {
  const auto path = [&](SegmentFile file) { return segment_path(directory, base, file); };
  // Of a segment that replaces others, `.commits` gets its name last.
  const std::string commits_path = segment_path(directory, base, SegmentFile::commits,
                                                swapped ? SegmentMark::swap : SegmentMark::none);
  const auto open_file = [&](SegmentFile file) -> Result<std::unique_ptr<File>> {
    if (swapped) {
      auto opened =
          files.open(segment_path(directory, base, file, SegmentMark::cleaned), OpenMode::read);
      if (opened || !opened.error().is(errc::not_found)) {
        return opened;
      }
    }
    return files.open(path(file), OpenMode::read);
  };
  MILLRACE_ASSIGN(auto commits, EntryFile<CommitEntry>::of(files, commits_path));
  MILLRACE_ASSIGN(const CommitsHead head, read_commits_head(commits.file(), commits_path, base));
  MILLRACE_ASSIGN(auto index_file, open_file(SegmentFile::index));
  MILLRACE_ASSIGN(auto index,
                  EntryFile<OffsetEntry>::of(std::move(index_file), path(SegmentFile::index)));
  MILLRACE_ASSIGN(auto times_file, open_file(SegmentFile::time_index));
  MILLRACE_ASSIGN(auto times,
                  EntryFile<TimeEntry>::of(std::move(times_file), path(SegmentFile::time_index)));
  MILLRACE_ASSIGN(auto log, open_file(SegmentFile::log));
  // A replacement removes the old `.commits` first and gives the new one its name last.
  MILLRACE_ASSIGN(const auto again, files.open(commits_path, OpenMode::read));
  MILLRACE_ASSIGN(const CommitsHead now, read_commits_head(*again, commits_path, base));
  if (now.generation != head.generation) {
    return fail(errc::not_found, path(SegmentFile::log) +
                                     ": the segment was replaced while it was opened; look again "
                                     "which segments there are");
  }
  SettledSegment segment(base, std::move(log), path(SegmentFile::log), std::move(index),
                         std::move(times), std::move(commits));
  MILLRACE_ASSIGN(segment.log_bytes_, segment.log_->size());
  segment.end_in_front_ = head.end_in_front;
  segment.generation_ = head.generation;
  return segment;
}

/// Where the batch of an index entry begins. An entry that names no batch is damage: no search may
/// start from it.
Result<std::uint64_t> SettledSegment::position_of(std::uint64_t index_entry) const {
  MILLRACE_ASSIGN(const OffsetEntry entry, index_.at(index_entry));
  const auto position = static_cast<std::uint64_t>(entry.position);
  char head[record_batch_header_bytes];
  MILLRACE_ASSIGN(const std::size_t got, log_->read_at(position, head, sizeof head));
  const auto header = read_batch_header({head, got});
  if (!header ||
      header->base_offset.value + header->last_offset_delta != offset_of(entry.relative).value) {
    return corrupt_at(index_.path(), index_.byte_of(index_entry),
                      "the entry says that the batch with last offset " +
                          std::to_string(offset_of(entry.relative).value) + " is at byte " +
                          std::to_string(entry.position) + " of the .log file, where it is not");
  }
  return position;
}

/// A position from which a walk comes to the batch that holds the offset.
Result<std::uint64_t> SettledSegment::position_before(Offset target) const {
  MILLRACE_ASSIGN(const std::uint64_t count, index_.count_while([&](const OffsetEntry& entry) {
    return offset_of(entry.relative) <= target;
  }));
  return count == 0 ? Result<std::uint64_t>(0) : position_of(count - 1);
}

/// The walker's next batch, checked; `at` is where the one before ended. One ends at `end`.
Result<bool> SettledSegment::next(BatchWalker& walker, Offset& at, Offset end,
                                  WalkedBatch& batch) const {
  MILLRACE_ASSIGN(const bool found, walker.next(batch));
  if (!found) {
    return false;
  }
  const auto name = [&] {
    return "the batch at offset " + std::to_string(batch.header.base_offset.value);
  };
  if (!batch.checksum_holds) {
    return corrupt_at(path_, batch.position, name() + " does not match its checksum");
  }
  if (batch.header.base_offset < at) {
    return corrupt_at(path_, batch.position,
                      name() + " lies before offset " + std::to_string(at.value) +
                          ", where the one in front of it ends");
  }
  at = batch.last_offset().next();
  if (batch.header.base_offset < end && at > end) {
    return corrupt_at(path_, batch.position,
                      name() + " ends at " + std::to_string(at.value) + ", behind the offset " +
                          std::to_string(end.value) + ", where a batch has to end");
  }
  return true;
}

Result<std::uint64_t> SettledSegment::commits_before(Offset target) const {
  return commits_.count_while(
      [target](const CommitEntry& entry) { return entry.base_offset < target; });
}

Result<CommitEntry> SettledSegment::commit_of(const WalkedBatch& batch,
                                              std::uint64_t number) const {
  MILLRACE_ASSIGN(const CommitEntry commit, commits_.at(number));
  if (commit.base_offset != batch.header.base_offset) {
    return corrupt_at(commits_.path(), commits_.byte_of(number),
                      "the entry is that of offset " + std::to_string(commit.base_offset.value) +
                          ", the batch in the .log file is at offset " +
                          std::to_string(batch.header.base_offset.value));
  }
  return commit;
}

/// That no batch before `end` is missing behind the one that ends at `at`, by the entries of their
/// commits.
Status SettledSegment::check_end(Offset at, std::optional<std::uint64_t> number, Offset end) const {
  if (!number) {
    MILLRACE_ASSIGN(number, commits_before(at));
  }
  if (*number == commits_.count()) {
    return {};
  }
  MILLRACE_ASSIGN(const CommitEntry missing, commits_.at(*number));
  if (missing.base_offset >= end) {
    return {};
  }
  return corrupt_at(path_, log_bytes_,
                    "the batch at offset " + std::to_string(missing.base_offset.value) +
                        " is missing before the end of the file");
}

/// The number of the batch, to which a walk came from the one at `passed`, or from the beginning of
/// the file. The base offset is outside of a batch's checksum: commits tell whether it is right.
Result<std::uint64_t> SettledSegment::number_of(const WalkedBatch& batch,
                                                std::optional<Offset> passed) const {
  MILLRACE_ASSIGN(const std::uint64_t number, commits_before(batch.header.base_offset));
  MILLRACE_TRY(commit_of(batch, number));
  std::optional<Offset> in_front;
  if (number > 0) {
    MILLRACE_ASSIGN(const CommitEntry entry, commits_.at(number - 1));
    in_front = entry.base_offset;
  }
  // Without one that was passed the walk began here: at byte 0, or where an index entry names it.
  if (passed ? in_front != passed : batch.position == 0 && in_front) {
    return corrupt_at(path_, batch.position,
                      "the batch says that it is at offset " +
                          std::to_string(batch.header.base_offset.value) +
                          ", where by its commit another one is");
  }
  return number;
}

Status SettledSegment::read(Offset from, Offset end, std::size_t max_bytes,
                            SettledBatches& out) const {
  constexpr std::uint64_t ahead_bytes_max = 4U << 20U;
  MILLRACE_ASSIGN(const std::uint64_t start, position_before(from));
  BatchWalker walker(*log_, path_, start, log_bytes_, out.memory,
                     std::min<std::uint64_t>(max_bytes, ahead_bytes_max));
  WalkedBatch batch;
  std::optional<std::uint64_t> number;
  std::optional<Offset> passed;
  std::size_t bytes = 0;
  Offset at = base_;
  while (at < end && (out.batches.empty() || walker.has_read_next())) {
    const Offset before = at;
    MILLRACE_ASSIGN(const bool found, next(walker, at, end, batch));
    const Offset base = batch.header.base_offset;
    if (!found || base >= end) {
      MILLRACE_TRY(check_end(before, number, end));
      out.next = found && out.batches.empty() ? end : out.next;
      return {};
    }
    if (batch.last_offset() < from) {
      passed = base;
      continue;
    }
    bytes += batch.bytes.size();
    if (!out.batches.empty() && bytes > max_bytes) {
      return {};
    }
    if (!number) {
      MILLRACE_ASSIGN(number, number_of(batch, passed));
    }
    MILLRACE_ASSIGN(const CommitEntry commit, commit_of(batch, *number));
    ++*number;
    out.batches.push_back({batch.position - walker.memory_at(), batch.header, commit});
    out.next = at;
  }
  return {};
}

/// The entry, checked against the batch that it names.
Result<TimeEntry> SettledSegment::checked_time(std::uint64_t number) const {
  MILLRACE_ASSIGN(const TimeEntry entry, times_.at(number));
  const Offset wanted = offset_of(entry.relative);
  MILLRACE_ASSIGN(const std::uint64_t start, position_before(wanted));
  BatchWalker walker(*log_, path_, start, log_bytes_);
  WalkedBatch batch;
  Offset at = base_;
  bool found = true;
  while (found && at <= wanted) {
    MILLRACE_ASSIGN(found, next(walker, at, wanted.next(), batch));
  }
  if (!found || batch.last_offset() != wanted || batch.header.max_timestamp_ms != entry.time_ms) {
    return corrupt_at(times_.path(), times_.byte_of(number),
                      "the entry says that the batch with last offset " +
                          std::to_string(wanted.value) + " has the time " +
                          std::to_string(entry.time_ms) + ", which it has not");
  }
  return entry;
}

Result<std::optional<std::int64_t>> SettledSegment::largest_time_ms() const {
  if (times_.count() == 0) {
    return -1;
  }
  MILLRACE_ASSIGN(const auto found, times_.find(times_.count() - 1));
  if (!found) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(const TimeEntry last, checked_time(times_.count() - 1));
  return last.time_ms;
}

/// From where a walk comes to the first batch before `end` with a record at or after the time.
Result<std::uint64_t> SettledSegment::time_start(std::int64_t time_ms, Offset end) const {
  if (time_ms < 0) {
    return 0;
  }
  // The entry after those that are too early names a batch that is late enough. The first such
  // batch lies behind the index entry before it: there, no record was late enough yet.
  MILLRACE_ASSIGN(const std::uint64_t early, times_.count_while([&](const TimeEntry& entry) {
    return entry.time_ms < time_ms && offset_of(entry.relative) < end;
  }));
  std::optional<TimeEntry> before;
  if (early > 0) {
    MILLRACE_ASSIGN(before, checked_time(early - 1));
  }
  if (early == times_.count()) {
    return position_before(offset(end.value - 1));
  }
  MILLRACE_ASSIGN(const auto late, times_.find(early));
  if (!late || offset_of(late->relative) >= end) {
    // The tail of a crash, or damage: all that is known is where it was too early.
    return before ? position_before(offset_of(before->relative)) : Result<std::uint64_t>(0);
  }
  MILLRACE_TRY(checked_time(early));
  return position_before(offset(offset_of(late->relative).value - 1));
}

Result<std::optional<Offset>> SettledSegment::find_time(std::int64_t time_ms, Offset end) const {
  MILLRACE_ASSIGN(const std::uint64_t start, time_start(time_ms, end));
  BatchWalker walker(*log_, path_, start, log_bytes_);
  WalkedBatch batch;
  std::optional<Offset> passed;
  for (Offset at = base_; at < end;) {
    const Offset before = at;
    MILLRACE_ASSIGN(const bool found, next(walker, at, end, batch));
    if (!found || batch.header.base_offset >= end) {
      MILLRACE_TRY(check_end(before, std::nullopt, end));
      break;
    }
    const bool late = batch.header.max_timestamp_ms >= time_ms;
    if (late || at == end) {
      MILLRACE_TRY(number_of(batch, passed));
    }
    passed = batch.header.base_offset;
    if (late) {
      MILLRACE_ASSIGN(const auto first, first_at(batch, time_ms));
      if (first) {
        return first;
      }
    }
  }
  return std::nullopt;
}

Result<std::optional<CommitEntry>> SettledSegment::find_commit(std::uint64_t position,
                                                               Offset end) const {
  MILLRACE_ASSIGN(const std::uint64_t before, commits_.count_while([&](const CommitEntry& entry) {
    return entry.position.position <= position && entry.base_offset < end;
  }));
  MILLRACE_ASSIGN(const auto found, commits_.find(before));
  if (found) {
    return found->base_offset < end ? found : std::nullopt;
  }
  // The tail of a crash, unless it lies before `end`.
  if (before < commits_.count()) {
    Offset reached = base_;
    if (before > 0) {
      MILLRACE_ASSIGN(const CommitEntry last, commits_.at(before - 1));
      MILLRACE_ASSIGN(reached, end_of(last));
    }
    if (reached < end) {
      return corrupt_at(commits_.path(), commits_.byte_of(before), "the entry is damaged");
    }
  }
  return std::nullopt;
}

/// One past the last offset of the batch of a commit.
Result<Offset> SettledSegment::end_of(const CommitEntry& commit) const {
  MILLRACE_ASSIGN(const std::uint64_t start, position_before(commit.base_offset));
  BatchWalker walker(*log_, path_, start, log_bytes_);
  WalkedBatch batch;
  Offset at = base_;
  bool found = true;
  while (found && at <= commit.base_offset) {
    MILLRACE_ASSIGN(found, next(walker, at, base_, batch));
  }
  if (!found || batch.header.base_offset != commit.base_offset) {
    return corrupt_at(path_, found ? batch.position : log_bytes_,
                      "the batch at offset " + std::to_string(commit.base_offset.value) +
                          ", which has a commit, is missing");
  }
  return at;
}

Result<Offset> SettledSegment::end() const {
  if (commits_.count() == 0) {
    return end_in_front_;
  }
  MILLRACE_ASSIGN(const CommitEntry last, commits_.at(commits_.count() - 1));
  return end_of(last);
}

Result<bool> SettledSegment::appended_before(std::int64_t time_ms) const {
  const std::uint64_t count = commits_.count();
  for (std::uint64_t i = 0; i < count; ++i) {
    // The last one first: mostly it decides.
    MILLRACE_ASSIGN(const CommitEntry entry, commits_.at(i == 0 ? count - 1 : i - 1));
    if (entry.append_time_ms >= time_ms) {
      return false;
    }
  }
  return true;
}

Result<std::optional<CommitEntry>> SettledSegment::first_commit() const {
  if (commits_.count() == 0) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(const CommitEntry entry, commits_.at(0));
  return entry;
}

Result<std::optional<SettledSegment::ResumePoint>> SettledSegment::resume_point(
    Offset before) const {
  ResumePoint point;
  MILLRACE_ASSIGN(point.index_entries, index_.count_while([&](const OffsetEntry& entry) {
    return offset_of(entry.relative) < before;
  }));
  if (point.index_entries == 0) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(point.log_bytes, position_of(point.index_entries - 1));
  MILLRACE_ASSIGN(point.last, index_.at(point.index_entries - 1));
  BatchWalker walker(*log_, path_, point.log_bytes, log_bytes_);
  WalkedBatch batch;
  Offset at = base_;
  MILLRACE_TRY(next(walker, at, offset_of(point.last.relative).next(), batch));
  MILLRACE_ASSIGN(point.commits, number_of(batch, std::nullopt));
  MILLRACE_ASSIGN(point.time_entries, times_.count_while([&](const TimeEntry& entry) {
    return entry.relative <= point.last.relative;
  }));
  if (point.time_entries < times_.count()) {
    // One that cannot be may be damage in front of others.
    MILLRACE_TRY(times_.at(point.time_entries));
  }
  if (point.time_entries > 0) {
    MILLRACE_ASSIGN(point.last_time, checked_time(point.time_entries - 1));
  }
  return point;
}

}  // namespace millrace::log::embedded
