// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "recovery.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "journal_begin.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "outcomes.hpp"
#include "settled_tools.hpp"
#include "tables.hpp"
#include "version.hpp"

namespace millrace::log::embedded {

namespace {

/// For those that wait: OpeningWatch.
void show_progress(LogParts& log, std::uint64_t done) {
  Control& control = log.directory.control();
  control.opening_done.store(done, std::memory_order_relaxed);
  control.opening_steps.fetch_add(1, std::memory_order_relaxed);
}

// Also where the random source begins with the same numbers at each start.
std::uint64_t lineage_number(LogDirectory& directory, std::uint64_t position) {
  std::string parts;
  ByteWriter(parts)
      .little(directory.random().next())
      .little(static_cast<std::uint64_t>(directory.clock().wall_ms()))
      .little(static_cast<std::uint64_t>(directory.region().identity().pid))
      .little(position);
  return xxh64(parts);
}

}  // namespace

Status apply_walked(const Locked& locked, LogParts& log, FrameWalker& walker,
                    const WalkedFrame& frame) {
  MILLRACE_ASSIGN(const std::string_view whole, walker.whole(frame));
  MILLRACE_TRY(log.publisher.apply_internal(locked, whole));
  return log.publisher.apply_entries(locked, FrameView(whole), frame.position);
}

Result<bool> take_complete_segments(const Locked& locked, LogParts& log,
                                    const Checkpoint& checkpoint, FrameWalker& walker) {
  bool passed_over = checkpoint.has_settled();
  // The one that a repair writes has no tables.
  if (checkpoint.catalog.empty() || checkpoint.position <= checkpoint.begin) {
    return passed_over;
  }
  for (const std::string& record : checkpoint.catalog) {
    MILLRACE_TRY(log.publisher.apply_topic(locked, record));
  }
  const std::size_t rows =
      checkpoint.has_settled() ? std::min<std::size_t>(checkpoint.settled.size(), max_rows) : 0;
  for (std::size_t i = 0; i < rows; ++i) {
    PartitionRow& row = log.directory.control().partitions[i];
    row.settled.store(checkpoint.settled[i]);
    row.start_offset.store(i < checkpoint.starts.size() ? checkpoint.starts[i] : 0);
  }
  const std::uint64_t begin = walker.position();
  const std::uint64_t last = log.journal.bounds_of(checkpoint.position - 1).start;
  for (const Journal::SegmentSpan& segment : log.journal.segments()) {
    if (segment.start >= last || walker.position() != segment.start) {
      break;
    }
    MILLRACE_ASSIGN(const bool taken, log.index_files.load(locked, segment, walker));
    passed_over = passed_over || taken;
    show_progress(log, walker.position() - begin);
    WalkedFrame frame;
    while (!taken && walker.position() < segment.end) {
      MILLRACE_ASSIGN(const bool good, walker.next(0, frame));
      if (!good) {
        return passed_over;
      }
      MILLRACE_TRY(apply_walked(locked, log, walker, frame));
      show_progress(log, walker.position() - begin);
    }
    if (!taken && log.directory.options().access != LogAccess::read_only) {
      // The next checkpoint writes it again. Not before the walk: when that finds damage, the build
      // that wrote the file can still open the log with it.
      static_cast<void>(log.directory.files().remove(log.journal.index_path_of(segment.start)));
    }
  }
  return passed_over;
}

Status check_own(const std::optional<Checkpoint>& checkpoint, const LogDirectory& directory) {
  if (checkpoint && checkpoint->log_id != directory.log_id() &&
      directory.files().exists(directory.path() + names::settled)) {
    return fail(errc::corrupt,
                "{}{}: belongs to another log than the file `version`, and this log has settled; "
                "put the whole directory back from one backup",
                directory.path(), names::checkpoint);
  }
  return {};
}

std::unexpected<Error> other_checkpoint(const LogParts& log, const Checkpoint& checkpoint) {
  return fail(errc::corrupt,
              "{}{}: belongs to another copy of this log: no frame of the journal ends at position "
              "{} with the checksum that it names; {}",
              log.directory.path(), names::checkpoint, checkpoint.position,
              checkpoint.has_settled()
                  ? "this log has settled, so put the whole directory back from one backup"
                  : "remove this file: then the log is read without it");
}

Result<bool> use_tables_at(const Locked& locked, LogParts& log, const Checkpoint& checkpoint,
                           const FrameWalker& walker) {
  if (walker.position() != checkpoint.position || walker.previous() != checkpoint.checksum) {
    return false;
  }
  Control& control = log.directory.control();
  for (const PositionRecord& row : checkpoint.positions) {
    MILLRACE_TRY(check_room_for(locked, control, row.group, row.partition));
    set_position(locked, control, row.group, row.partition, row.next);
  }
  for (const Checkpoint::Producer& producer : checkpoint.producers) {
    MILLRACE_TRY(check_room_for(locked, control, producer.name));
    set_producer(locked, control, producer.name, producer.state);
  }
  const std::size_t rows = std::min<std::size_t>(checkpoint.next_offsets.size(), max_rows);
  for (std::size_t i = 0; i < rows; ++i) {
    control.partitions[i].next_offset = checkpoint.next_offsets[i];
  }
  return true;
}

Status Recovery::run() {
  log_.journal.count_reads(&log_.directory.counts().opening_journal_bytes);
  Status done = recover();
  log_.journal.count_reads(nullptr);
  if (!done && shows_progress_) {
    // Processes that wait must not treat this process as stuck.
    log_.directory.control().opener.store(0);
  }
  return done;
}

Status Recovery::recover() {
  FileSystem& files = log_.directory.files();
  if (!files.exists(log_.directory.path() + names::version)) {
    MILLRACE_TRY(make_new_log());
  }
  MILLRACE_TRY(log_.directory.read_version());
  MILLRACE_TRY(log_.directory.check_no_failure_file());
  log_.journal.remove_unfinished(alone_);
  // First: it decides whether the directory is still the one that was opened, which is asked before
  // a segment is.
  MILLRACE_TRY(log_.directory.make_control(alone_));
  shows_progress_ = true;
  MILLRACE_TRY(log_.journal.refresh());
  MILLRACE_FAULT_POINT("recovery.mapped");
  MILLRACE_TRY(load_checkpoint());
  Status recovered = walk();
  if (recovered) {
    recovered = finish();
  }
  if (!recovered && log_.journal.sync_failed()) {
    log_.directory.mark_sync_failed(recovered.error());
  }
  return recovered;
}

Status Recovery::make_new_log() {
  FileSystem& files = log_.directory.files();
  if (!log_.directory.options().create) {
    return fail(millrace::errc::not_found, "{}: there is no log in this directory",
                log_.directory.path());
  }
  MILLRACE_TRY(files.create_subdirectory(log_.directory.path() + names::journal));
  MILLRACE_ASSIGN(const auto names, files.list(log_.directory.path() + names::journal));
  if (std::any_of(names.begin(), names.end(),
                  [](const std::string& name) { return name.ends_with(".journal"); })) {
    return fail(errc::corrupt, "{}{}: missing beside a journal; restore it from a backup",
                log_.directory.path(), names::version);
  }
  MILLRACE_TRY(files.sync_directory(log_.directory.path()));
  Version version;
  version.log_id = std::max<std::uint64_t>(log_.directory.random().next(), 1);
  return write_version_file(files, log_.directory.path(), version);
}

Status Recovery::load_checkpoint() {
  MILLRACE_ASSIGN(auto read, read_checkpoint(log_.directory.files(), log_.directory.path()));
  MILLRACE_TRY(check_own(read, log_.directory));
  if (read && read->log_id == log_.directory.log_id()) {
    checkpoint_ = *std::move(read);
    incarnation_ = checkpoint_->incarnation;
  }
  MILLRACE_ASSIGN(begin_, find_begin(log_.journal, log_.directory.log_id(), checkpoint_));
  position_ = begin_;
  has_own_checkpoint_ = checkpoint_ && checkpoint_->position == begin_ &&
                        checkpoint_->checksum == checkpoint_->begin_previous;
  return {};
}

Status Recovery::walk() {
  Journal& journal = log_.journal;
  const auto segments = journal.segments();
  if (segments.empty()) {
    if (checkpoint_ && checkpoint_->position > begin_) {
      return fail(errc::corrupt, "{}{}: empty, but the log was durable up to position {}",
                  log_.directory.path(), names::journal, checkpoint_->position);
    }
    return {};
  }
  MILLRACE_ASSIGN(const std::uint64_t behind, journal.written_end());
  log_.directory.control().opening_all.store(behind - begin_);
  FrameWalker walker(journal, log_.directory.log_id());
  walker.start_at(begin_, checkpoint_ ? checkpoint_->begin_previous : 0);
  bool needs_tables = false;
  if (checkpoint_) {
    MILLRACE_ASSIGN(needs_tables, take_complete_segments(alone_, log_, *checkpoint_, walker));
  }
  // All batches that are read are checked, also below the checkpoint: damage must not wait for the
  // one reader that needs the record.
  constexpr std::uint64_t check_from = 0;
  const std::uint64_t proven = checkpoint_ ? checkpoint_->position : 0;
  WalkedFrame frame;
  while (true) {
    MILLRACE_ASSIGN(const bool good, walker.next(check_from, frame));
    if (!good) {
      break;
    }
    MILLRACE_TRY(apply_walked(alone_, log_, walker, frame));
    show_progress(log_, walker.position() - begin_);
    incarnation_ = std::max(incarnation_, frame.header.incarnation);
    if (checkpoint_) {
      MILLRACE_ASSIGN(const bool used, use_tables_at(alone_, log_, *checkpoint_, walker));
      needs_tables = needs_tables && !used;
      has_own_checkpoint_ = has_own_checkpoint_ || used;
    }
  }
  position_ = walker.position();
  checksum_ = walker.previous();
  MILLRACE_ASSIGN(const std::uint64_t later, walker.proven_after(position_));
  if (std::max(proven, later) > position_) {
    return fail(errc::corrupt,
                "{}: corrupt at position {}: {}, but the log was durable up to position {}; run "
                "`millrace log verify`",
                journal.path_of(position_), position_, walker.reason(), std::max(proven, later));
  }
  if (needs_tables) {
    return other_checkpoint(log_, *checkpoint_);
  }
  MILLRACE_TRY(check_may_cut(journal, log_.directory.log_id(), position_));
  show_progress(log_, position_ - begin_);
  MILLRACE_FAULT_POINT("recovery.before_cut");
  MILLRACE_TRY(cut_settled(log_.directory, log_.topics.catalog()));
  MILLRACE_ASSIGN(const bool torn, journal.cut(alone_, position_));
  if (torn) {
    log_.directory.counts().repaired_tails.fetch_add(1, std::memory_order_relaxed);
  }
  show_progress(log_, position_ - begin_);
  MILLRACE_FAULT_POINT("recovery.after_cut");
  return {};
}

// Before the checkpoint, which names it.
Status Recovery::begin_lineage() {
  LogDirectory& directory = log_.directory;
  // An opening writes a checkpoint before it commits: one that is older than the journal was put
  // back. It does not name the current lineage, as one of another copy of the log does not.
  const bool current = has_own_checkpoint_ && checkpoint_->incarnation == incarnation_;
  MILLRACE_ASSIGN(Lineages lineages,
                  read_lineages(directory, current ? checkpoint_->lineage : Lineage{}));
  lineages.begin(lineage_number(directory, position_), position_);
  MILLRACE_TRY(write_file_atomically(directory.files(), directory.path() + names::lineages,
                                     lineages.encode(directory.log_id())));
  directory.set_lineages(std::move(lineages));
  return {};
}

Status Recovery::finish() {
  Control& control = log_.directory.control();
  Journal& journal = log_.journal;
  // A process's death leaves the tail in the page cache only; from here on it counts as durable.
  const std::uint64_t durable = checkpoint_ ? checkpoint_->position : 0;
  for (const Journal::SegmentSpan& segment : journal.segments()) {
    if (segment.end > durable) {
      MILLRACE_TRY(
          journal.sync(std::max(durable, segment.start), std::min(segment.end, position_ + 1)));
      show_progress(log_, position_ - begin_);
    }
  }
  control.incarnation = incarnation_ + 1;
  MILLRACE_TRY(begin_lineage());
  Checkpoint made;
  made.log_id = log_.directory.log_id();
  made.incarnation = control.incarnation;
  made.lineage = log_.directory.lineages().current();
  made.position = position_;
  made.begin = begin_;
  made.begin_previous = checkpoint_ ? checkpoint_->begin_previous : 0;
  made.checksum = checksum_;
  made.catalog = log_.topics.catalog().records();
  made.take_tables(alone_, control, log_.topics.catalog().rows_used());
  if (made.has_settled()) {
    MILLRACE_TRY(add_outcomes(made, checkpoint_, journal));
  }
  MILLRACE_FAULT_POINT("recovery.before_checkpoint");
  MILLRACE_TRY(write_checkpoint(log_.directory.files(), log_.directory.path(), made));
  MILLRACE_FAULT_POINT("recovery.after_checkpoint");
  // A full disk must not prevent opening the log; then a failed sync may leave no mark.
  static_cast<void>(reserve_failure_file(log_.directory.files(), log_.directory.path()));
  control.committed.store(position_);
  control.durable.store(position_);
  control.recovered = position_;
  control.lineage = made.lineage.value;
  control.begin.store(begin_);
  control.begin_previous = made.begin_previous;
  control.unsettled.store(begin_);
  control.tails[0] = {position_, checksum_};
  control.tails[1] = {~0ULL, 0};
  const auto segments = journal.segments();
  if (!segments.empty()) {
    control.segment_start = segments.back().start;
    control.segment_end = segments.back().end;
    control.checkpoint_segment = control.segment_start;
    control.named.store(control.segment_start + 1);
  }
  control.checkpoint_position.store(position_);
  control.checkpoint_ns.store(log_.directory.clock().monotonic_ns());
  control.scrubbed_ns.store(log_.directory.clock().monotonic_ns());
  control.segments_version.store(1);
  log_.topics.applied_all();
  // What a death left; only now is it certain that the checkpoint is the one of this journal.
  journal.remove_before(begin_);
  // The files are removed in housekeeping, and what fails of this is done there.
  log_.deletions.rename_alone();
  control.opener.store(0);
  control.valid.store(1, std::memory_order_release);
  return {};
}

}  // namespace millrace::log::embedded
