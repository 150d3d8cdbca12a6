// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "follower.hpp"

#include <algorithm>

#include "journal_begin.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "recovery.hpp"
#include "version.hpp"

namespace millrace::log::embedded {

Result<std::unique_ptr<Follower>> Follower::open(const std::string& directory,
                                                 LogEnvironment& environment, LogOptions options,
                                                 const EmbeddedOptions& embedded) {
  options.access = LogAccess::read_only;
  while (true) {
    auto log = std::make_unique<LogParts>(directory, environment, options, embedded);
    log->directory.open_private_region();
    MILLRACE_ASSIGN(auto alone, Alone::take(log->directory.region()));
    MILLRACE_ASSERT(alone.has_value(), "a private region is shared with nobody");
    std::unique_ptr<Follower> made(new Follower(std::move(log), *std::move(alone)));
    const Status started = made->start();
    if (started) {
      return made;
    }
    MILLRACE_ASSIGN(const bool moved, begin_moved(environment.files, directory, made->checkpoint_));
    if (!moved) {
      return fail(started.error());
    }
  }
}

Status Follower::start() {
  LogParts& log = *log_;
  FileSystem& files = log.directory.files();
  if (!files.exists(log.directory.path() + names::version)) {
    return fail(millrace::errc::not_found, "{}: there is no log in this directory",
                log.directory.path());
  }
  MILLRACE_TRY(log.directory.read_version());
  failed_ = read_failure_file(files, log.directory.path());
  MILLRACE_TRY(log.directory.make_control(alone_));
  // Before the journal: a checkpoint speaks of frames that are in the journal already.
  MILLRACE_ASSIGN(checkpoint_, read_checkpoint(files, log.directory.path()));
  MILLRACE_TRY(check_own(checkpoint_, log.directory));
  if (checkpoint_ && checkpoint_->log_id != log.directory.log_id()) {
    checkpoint_.reset();
  }
  walker_.emplace(log.journal, log.directory.log_id());
  if (checkpoint_) {
    log.directory.control().incarnation = checkpoint_->incarnation;
    durable_ = checkpoint_->position;
  }
  MILLRACE_TRY(log.journal.refresh());
  MILLRACE_ASSIGN(begin_, find_begin(log.journal, log.directory.log_id(), checkpoint_));
  walker_->start_at(begin_, checkpoint_ ? checkpoint_->begin_previous : 0);
  if (checkpoint_) {
    MILLRACE_ASSIGN(needs_tables_, take_complete_segments(alone_, log, *checkpoint_, *walker_));
  }
  Control& control = log.directory.control();
  control.committed.store(walker_->position());
  control.tails[0] = {walker_->position(), walker_->previous()};
  last_ = walker_->position();
  log.topics.applied_all();
  MILLRACE_TRY(follow());
  return needs_tables_ ? other_checkpoint(log, *checkpoint_) : Status{};
}

Status Follower::follow() {
  MILLRACE_TRY(log_->journal.refresh_from(walker_->position()));
  if (const auto first = log_->journal.segments();
      !first.empty() && first.front().start != begin_) {
    MILLRACE_TRY(move_begin(first.front()));
  }
  const auto segments = log_->journal.segments();
  const std::uint64_t before = walker_->position();
  MILLRACE_TRY(take_all());
  if (walker_->position() == before) {
    // What follows repeats the checksum of what was taken; without anything new, nothing else shows
    // a repair that cut below it.
    MILLRACE_TRY(check_last());
  }
  if (walker_->position() < durable_) {
    return check_end();
  }
  // A further segment is made for a frame that follows the last one of the segment before it. To
  // look for one is to read a segment to its end, so it is done once for each.
  if (segments.size() != checked_segments_) {
    MILLRACE_TRY(check_end());
    checked_segments_ = segments.size();
  }
  return {};
}

/// Segments that were settled are gone: what they held is read from the settled ones now.
Status Follower::move_begin(const Journal::SegmentSpan& first) {
  LogParts& log = *log_;
  MILLRACE_ASSIGN(const auto checkpoint,
                  read_checkpoint(log.directory.files(), log.directory.path()));
  if (!checkpoint || checkpoint->begin < first.start) {
    return fail(errc::corrupt,
                "{}: the journal's first segment is missing, it begins at position {}", first.path,
                first.start);
  }
  if (checkpoint->begin > walker_->position()) {
    return fail(errc::out_of_range,
                "{}: the journal was removed up to position {}, and this reader came to {}",
                log.directory.path(), checkpoint->begin, walker_->position());
  }
  const std::size_t rows =
      std::min<std::size_t>(checkpoint->settled.size(), log.topics.catalog().rows_used());
  for (std::size_t i = internal_topics; i < rows; ++i) {
    PartitionRow& row = log.directory.control().partitions[i];
    // What it has not read yet is not shown.
    MILLRACE_ASSIGN(const std::int64_t end, log.index.end(alone_, row));
    const std::int64_t settled = std::min(checkpoint->settled[i], end);
    if (settled > row.settled.load()) {
      row.settled.store(settled);
    }
  }
  begin_ = checkpoint->begin;
  log.journal.forget_before(begin_);
  return raise_starts(*checkpoint);
}

Status Follower::take_starts() {
  MILLRACE_ASSIGN(const auto checkpoint,
                  read_checkpoint(log_->directory.files(), log_->directory.path()));
  return checkpoint && checkpoint->log_id == log_->directory.log_id() ? raise_starts(*checkpoint)
                                                                      : Status{};
}

Status Follower::raise_starts(const Checkpoint& checkpoint) {
  LogParts& log = *log_;
  const std::size_t rows =
      std::min<std::size_t>(checkpoint.starts.size(), log.topics.catalog().rows_used());
  for (std::size_t i = internal_topics; i < rows; ++i) {
    PartitionRow& row = log.directory.control().partitions[i];
    // What it has not read yet is not shown, and does not begin behind its end either.
    MILLRACE_ASSIGN(const std::int64_t end, log.index.end(alone_, row));
    const std::int64_t start = std::min(checkpoint.starts[i], end);
    if (start > row.start_offset.load()) {
      row.start_offset.store(start);
    }
  }
  return {};
}

Status Follower::take_all() {
  if (log_->journal.empty()) {
    return {};
  }
  walker_->read_again();
  WalkedFrame frame;
  while (true) {
    MILLRACE_ASSIGN(const bool good, walker_->next(0, frame));
    if (!good) {
      return {};
    }
    if (Status taken = take(frame); !taken) {
      // Whatever was applied of it is applied again.
      walker_->start_at(frame.position, frame.header.previous);
      return taken;
    }
  }
}

Status Follower::check_last() {
  if (walker_->position() == last_) {
    return {};
  }
  FrameHeader header;
  const auto got =
      log_->journal.read_by_name(last_, reinterpret_cast<char*>(&header), sizeof header);
  if (!got && !got.error().is(millrace::errc::not_found)) {
    return fail(got.error());
  }
  if (got && *got == sizeof header && header.checksum == walker_->previous()) {
    return {};
  }
  return fail(errc::closed,
              "{}: the log was repaired or replaced while it was read: the record frame at "
              "position {} that was read before is gone; open the log again",
              log_->directory.path(), last_);
}

Status Follower::take(const WalkedFrame& frame) {
  LogParts& log = *log_;
  MILLRACE_TRY(apply_walked(alone_, log, *walker_, frame));
  if (checkpoint_) {
    MILLRACE_ASSIGN(const bool used, use_tables_at(alone_, log, *checkpoint_, *walker_));
    needs_tables_ = needs_tables_ && !used;
  }
  Control& control = log.directory.control();
  control.incarnation = std::max(control.incarnation, frame.header.incarnation);
  log.publisher.advance(alone_, walker_->position(), walker_->previous());
  last_ = frame.position;
  log.topics.applied_all();
  durable_ = std::max(durable_, frame.header.durable);
  return {};
}

Status Follower::check_end() {
  // While this reads on, the frame at the end may be completed and others written behind it. What
  // they prove durable was whole before they were written, so the next walk gets there.
  while (true) {
    const std::uint64_t end = walker_->position();
    const std::string reason = walker_->reason();
    std::uint64_t proven = durable_;
    if (!log_->journal.empty()) {
      MILLRACE_ASSIGN(const std::uint64_t later, walker_->proven_after(end));
      proven = std::max(proven, later);
    }
    if (proven <= end) {
      return {};
    }
    MILLRACE_TRY(log_->journal.refresh_from(end));
    MILLRACE_TRY(take_all());
    if (walker_->position() >= proven) {
      return {};
    }
    if (walker_->position() == end) {
      return fail(errc::corrupt,
                  "{}: corrupt at position {}: {}, but the log was durable up to position {}; run "
                  "`millrace log verify`",
                  log_->journal.path_of(end), end, reason, proven);
    }
  }
}

LogPosition Follower::durable() const {
  return {log_->directory.control().incarnation, std::min(durable_, walker_->position())};
}

}  // namespace millrace::log::embedded
