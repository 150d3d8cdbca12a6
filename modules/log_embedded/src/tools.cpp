// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <map>
#include <optional>

#include "alone.hpp"
#include "catalog.hpp"
#include "checkpoint.hpp"
#include "embedded_log.hpp"
#include "frame_walker.hpp"
#include "index_files.hpp"
#include "journal_begin.hpp"
#include "living.hpp"
#include "log_directory.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "settled_tools.hpp"
#include "version.hpp"

namespace millrace::log {
namespace {

using namespace embedded;

JournalFault fault_at(Journal& journal, std::uint64_t position, const char* reason) {
  JournalFault fault{journal.path_of(position), position, position, reason};
  for (const Journal::SegmentSpan& segment : journal.segments()) {
    if (segment.start <= position) {
      fault.offset = position - segment.start;
    }
  }
  return fault;
}

/// Whether anything but zeros lies between `position` and the end of the journal; returns one past
/// its last byte.
Result<std::uint64_t> end_of_data(Journal& journal, std::uint64_t position) {
  std::uint64_t end = position;
  std::string chunk(1U << 20U, '\0');
  for (const Journal::SegmentSpan& segment : journal.segments()) {
    for (std::uint64_t at = std::max(position, segment.start); at < segment.end;) {
      const std::size_t wanted = std::min<std::uint64_t>(chunk.size(), segment.end - at);
      MILLRACE_ASSIGN(const std::size_t got, journal.read(at, chunk.data(), wanted));
      if (got == 0) {
        break;
      }
      const std::size_t last = std::string_view(chunk).substr(0, got).find_last_not_of('\0');
      end = last == std::string_view::npos ? end : at + last + 1;
      at += got;
    }
  }
  return end;
}

/// A walk through the journal, and where the partitions end by the frames that it passed.
struct Walk {
  Walk(Journal& journal, std::uint64_t log_id) : walker(journal, log_id) {}

  FrameWalker walker;
  std::map<TopicPartition, std::int64_t> ends;
  const char* contradiction = nullptr;
};

/// Whether a frame gives an offset that an earlier one gave; else takes its offsets.
bool repeats_offset(Walk& walk, const WalkedFrame& frame) {
  for (std::uint32_t i = 0; i < frame.header.entries; ++i) {
    const FrameEntry entry = FrameView(frame.table).entry(i);
    std::int64_t& end = walk.ends[{{{entry.topic}}, partition(entry.partition)}];
    if (is_indexed(entry.topic) && entry.base_offset < end) {
      return true;
    }
    end = entry.base_offset + entry.offsets;
  }
  return false;
}

/// Walks on to the first frame that is not good, or that contradicts an earlier one.
Status count_frames(Walk& walk, VerifyReport& report) {
  WalkedFrame frame;
  while (walk.contradiction == nullptr) {
    MILLRACE_ASSIGN(const bool good, walk.walker.next(0, frame));
    if (!good) {
      break;
    }
    if (repeats_offset(walk, frame)) {
      walk.contradiction = "the frame gives an offset of a partition again";
      walk.walker.start_at(frame.position, frame.header.previous);
      break;
    }
    report.frames += 1;
    report.bytes += frame.header.bytes;
    report.durable = std::max(report.durable, frame.header.durable);
    for (std::uint32_t i = 0; i < frame.header.entries; ++i) {
      report.batches += 1;
      report.records += FrameView(frame.table).entry(i).offsets;
    }
  }
  report.end = walk.walker.position();
  return {};
}

/// `checkpoint` is the one that was read first, `checksum` becomes the one of the last good frame.
Result<VerifyReport> verify(Journal& journal, FileSystem& files, const std::string& directory,
                            const std::optional<Checkpoint>& checkpoint, std::uint32_t& checksum) {
  MILLRACE_ASSIGN(const Version version, read_version_file(files, directory));
  VerifyReport report;
  report.failed = read_failure_file(files, directory);
  MILLRACE_TRY(journal.refresh());
  MILLRACE_ASSIGN(const std::uint64_t begin, find_begin(journal, version.log_id, checkpoint));
  report.durable = checkpoint ? checkpoint->position : 0;
  report.end = begin;
  if (journal.empty()) {
    if (report.durable > report.end) {
      report.corrupt = JournalFault{directory + names::journal, report.end, 0,
                                    "there is no segment of the journal"};
    }
    return report;
  }
  Walk walk(journal, version.log_id);
  walk.walker.start_at(begin, checkpoint ? checkpoint->begin_previous : 0);
  FrameWalker& walker = walk.walker;
  MILLRACE_TRY(count_frames(walk, report));
  bool again = true;
  while (again) {
    MILLRACE_ASSIGN(const std::uint64_t later, walker.proven_after(report.end));
    report.durable = std::max(report.durable, later);
    // A writer may have completed the frame at the end, and written others behind it, while this
    // looked behind it: then it is good when it is read again.
    const std::uint64_t seen = report.end;
    again = report.durable > seen;
    if (again) {
      MILLRACE_TRY(journal.refresh());
      walker.read_again();
      MILLRACE_TRY(count_frames(walk, report));
      again = report.end > seen && report.durable > report.end;
    }
  }
  checksum = walker.previous();
  const bool contradicts = walk.contradiction != nullptr;
  const std::string reason = contradicts ? walk.contradiction : walker.reason();
  MILLRACE_ASSIGN(const std::uint64_t data_end, end_of_data(journal, report.end));
  if (report.durable > report.end || contradicts) {
    report.corrupt = fault_at(journal, report.end, reason.c_str());
  } else if (data_end > report.end) {
    report.torn = fault_at(journal, report.end, reason.c_str());
  }
  return report;
}

/// Settled segments need descriptors, too.
void close_segments(Journal& journal) {
  while (journal.close_some()) {
  }
}

/// Nobody else has the log open while it lives.
struct RepairLock {
  std::unique_ptr<SharedRegion> region;
  std::optional<Alone> alone;
};

/// Locks everybody out of the log; errc::busy when it is open. Empty where the lock file cannot be
/// written to and nothing else is to be written either: the report says so.
Result<RepairLock> lock_for_repair(const std::string& directory, bool dry_run,
                                   SharedRegionFactory& regions, RepairReport& report) {
  RepairLock lock;
  auto region = regions.open(directory, true);
  if (!region) {
    const bool cannot_write =
        region.error().is(millrace::errc::no_permission) || is_disk_full(region.error());
    if (!dry_run || !cannot_write) {
      return fail(region.error());
    }
    report.unlocked = region.error().message();
    return lock;
  }
  lock.region = *std::move(region);
  MILLRACE_ASSIGN(auto alone, Alone::take(*lock.region));
  if (!alone) {
    return fail(millrace::errc::busy, "{}: the log is open; stop all its processes first: {}",
                directory, embedded::describe_living(*lock.region, directory));
  }
  lock.alone.emplace(*std::move(alone));
  if (!dry_run) {
    // It may name a process that died while it opened the log. The next one makes it again.
    static_cast<void>(lock.region->map(sizeof(Control), true));
  }
  return lock;
}

}  // namespace

Result<VerifyReport> verify_log(const std::string& directory, LogEnvironment& environment) {
  FileSystem& files = environment.files;
  MILLRACE_TRY(read_version_file(files, directory));
  MILLRACE_ASSIGN(auto checkpoint, read_checkpoint(files, directory));
  while (true) {
    Journal journal(files, directory + names::journal, OpenMode::read);
    std::uint32_t checksum = 0;
    auto report = verify(journal, files, directory, checkpoint, checksum);
    close_segments(journal);
    // Segments may have been removed while they were read, as they are settled now.
    MILLRACE_ASSIGN(const bool moved, begin_moved(files, directory, checkpoint));
    if (!moved || (report && !report->corrupt)) {
      if (report) {
        MILLRACE_TRY(verify_settled(files, directory, checkpoint, *report));
      }
      return report;
    }
    MILLRACE_ASSIGN(checkpoint, read_checkpoint(files, directory));
  }
}

Result<RepairReport> repair_log(const std::string& directory, LogEnvironment& environment,
                                bool dry_run, SharedRegionFactory& regions) {
  FileSystem& files = environment.files;
  MILLRACE_TRY(read_version_file(files, directory));
  RepairReport report;
  MILLRACE_ASSIGN(const RepairLock lock, lock_for_repair(directory, dry_run, regions, report));
  Journal journal(files, directory + names::journal,
                  dry_run ? OpenMode::read : OpenMode::read_write);
  MILLRACE_TRY(journal.refresh());
  // What a failed sync left in the page cache may not be on the disk: it must not vouch for itself.
  if (lock.region != nullptr) {
    MILLRACE_TRY(lock.region->drop_cache(directory + names::journal));
  }
  std::uint32_t checksum = 0;
  MILLRACE_ASSIGN(const auto checkpoint, read_checkpoint(files, directory));
  MILLRACE_ASSIGN(report.found, verify(journal, files, directory, checkpoint, checksum));
  close_segments(journal);
  MILLRACE_TRY(verify_settled(files, directory, checkpoint, report.found));
  report.cut_from = report.found.end;
  if (!journal.empty()) {
    MILLRACE_ASSIGN(const std::uint64_t data_end, end_of_data(journal, report.found.end));
    report.cut_bytes = data_end - report.found.end;
  }
  if (!journal.empty()) {
    MILLRACE_ASSIGN(const Version version, read_version_file(files, directory));
    MILLRACE_TRY(check_may_cut(journal, version.log_id, report.cut_from));
  }
  if (checkpoint && checkpoint->has_settled() && checkpoint->position > report.cut_from) {
    // Its tables cannot come from a journal that does not begin with the log's first frame.
    const std::string where = report.found.corrupt
                                  ? report.found.corrupt->file + ": " + report.found.corrupt->reason
                                  : directory + names::journal + ": corrupt";
    return fail(
        errc::corrupt,
        "{} at position {}, before position {} of the checkpoint; a log that has settled cannot be "
        "cut there, and nothing was changed: put this file back from a backup, or the whole log",
        where, report.cut_from, checkpoint->position);
  }
  if (dry_run) {
    return report;
  }
  MILLRACE_ASSERT(lock.alone.has_value(), "only a dry run looks without the lock");
  if (!journal.empty()) {
    MILLRACE_TRY(remove_index_files(files, journal, report.cut_from));
    MILLRACE_TRY(journal.cut(*lock.alone, report.cut_from));
    MILLRACE_TRY(journal.sync(0, report.cut_from + 1));
  }
  if (checkpoint && checkpoint->position > report.cut_from) {
    // It speaks of what is gone. The tables come from the journal at the next opening; the number
    // of the incarnation must not come again.
    Checkpoint cut;
    cut.log_id = checkpoint->log_id;
    cut.incarnation = checkpoint->incarnation;
    cut.lineage = checkpoint->lineage;
    cut.position = report.cut_from;
    cut.begin = checkpoint->begin;
    cut.checksum = checksum;
    MILLRACE_TRY(write_file_atomically(files, directory + names::checkpoint, cut.encode()));
  }
  if (!report.found.failed.empty()) {
    MILLRACE_TRY(files.remove(directory + names::failed));
  }
  MILLRACE_TRY(files.sync_directory(directory));
  report.changed = report.cut_bytes > 0 || !report.found.failed.empty();
  return report;
}

void abandon(Log& handle) {
  auto* const log = dynamic_cast<EmbeddedLog*>(&handle);
  MILLRACE_ASSERT(log != nullptr, "only handles of an embedded log can be abandoned");
  log->abandon();
}

}  // namespace millrace::log
