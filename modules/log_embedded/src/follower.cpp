// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "follower.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "recovery.hpp"
#include "version.hpp"

namespace millrace::log::embedded {

Result<std::unique_ptr<Follower>> Follower::open(const std::string& directory,
                                                 LogEnvironment& environment, LogOptions options,
                                                 const EmbeddedOptions& embedded) {
  options.access = LogAccess::read_only;
  std::unique_ptr<Core> core(new Core(directory, environment, std::move(options), embedded));
  core->region = core->regions().open_private();
  MILLRACE_ASSIGN(auto alone, Alone::take(*core->region));
  MILLRACE_ASSERT(alone.has_value(), "a private region is shared with nobody");
  std::unique_ptr<Follower> made(new Follower(std::move(core), *std::move(alone)));
  MILLRACE_TRY(made->start());
  return made;
}

Status Follower::start() {
  Core& core = *core_;
  FileSystem& files = core.environment.files;
  if (!files.exists(core.directory + names::version)) {
    return fail(millrace::errc::not_found, core.directory + ": there is no log in this directory");
  }
  MILLRACE_ASSIGN(const Version version, read_version_file(files, core.directory));
  core.log_id = version.log_id;
  failed_ = read_failure_file(files, core.directory);
  MILLRACE_TRY(prepare_control(core));
  // Before the journal: a checkpoint speaks of frames that are in the journal already.
  MILLRACE_ASSIGN(const auto checkpoint, read_checkpoint(files, core.directory));
  if (checkpoint && checkpoint->log_id == core.log_id) {
    core.control->incarnation = checkpoint->incarnation;
    durable_ = checkpoint->position;
  }
  walker_.emplace(core.journal, core.log_id);
  return follow();
}

Status Follower::follow() {
  MILLRACE_TRY(core_->journal.refresh());
  const auto segments = core_->journal.segments();
  if (!segments.empty() && segments.front().start != 0) {
    return fail(errc::corrupt,
                segments.front().path +
                    ": the journal's first segment is missing, it begins at position " +
                    std::to_string(segments.front().start));
  }
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

Status Follower::take_all() {
  if (core_->journal.empty()) {
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
  if (walker_->position() == 0) {
    return {};
  }
  FrameHeader header;
  const auto got =
      core_->journal.read_by_name(last_, reinterpret_cast<char*>(&header), sizeof header);
  if (!got && !got.error().is(millrace::errc::not_found)) {
    return fail(got.error());
  }
  if (got && *got == sizeof header && header.checksum == walker_->previous()) {
    return {};
  }
  return fail(errc::closed, core_->directory +
                                ": the log was repaired or replaced while it was read: the record "
                                "frame at position " +
                                std::to_string(last_) +
                                " that was read before is gone; open the log again");
}

Status Follower::take(const WalkedFrame& frame) {
  Core& core = *core_;
  MILLRACE_TRY(apply_walked(alone_, core, *walker_, frame));
  core.control->incarnation = std::max(core.control->incarnation, frame.header.incarnation);
  core.advance(alone_, walker_->position(), walker_->previous());
  last_ = frame.position;
  core.skip_catalog(core.control->partitions[0].count.load(std::memory_order_relaxed));
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
    if (!core_->journal.empty()) {
      MILLRACE_ASSIGN(const std::uint64_t later, walker_->proven_after(end));
      proven = std::max(proven, later);
    }
    if (proven <= end) {
      return {};
    }
    MILLRACE_TRY(core_->journal.refresh());
    MILLRACE_TRY(take_all());
    if (walker_->position() >= proven) {
      return {};
    }
    if (walker_->position() == end) {
      return fail(errc::corrupt, core_->journal.path_of(end) + ": corrupt at position " +
                                     std::to_string(end) + ": " + reason +
                                     ", but the log was durable up to position " +
                                     std::to_string(proven) + "; run `millrace log verify`");
    }
  }
}

LogPosition Follower::durable() const {
  return {core_->control->incarnation, std::min(durable_, walker_->position())};
}

}  // namespace millrace::log::embedded
