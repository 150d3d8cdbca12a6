// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "recovery.hpp"

#include <algorithm>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"
#include "version.hpp"

namespace millrace::log::embedded {

Status prepare_control(Core& core) {
  MILLRACE_ASSIGN(char* const memory, core.region->map(sizeof(Control), true));
  core.control = reinterpret_cast<Control*>(memory);
  core.index = std::make_unique<Index>(*core.control, *core.region);
  Control& control = *core.control;
  const SharedRegion::Identity self = core.region->identity();
  control.magic = control_magic;
  control.layout = control_layout;
  control.bytes = sizeof(Control);
  control.device = self.device;
  control.inode = self.inode;
  control.boot = self.boot;
  control.pid_namespace = self.pid_namespace;
  control.log_id = core.log_id;
  for (std::int32_t i = 0; i < internal_topics; ++i) {
    control.partitions[i].topic = i;
  }
  return {};
}

Status apply_walked(const Locked& locked, Core& core, FrameWalker& walker, WalkedFrame frame) {
  bool internal = false;
  for (std::uint32_t i = 0; i < frame.header.entries; ++i) {
    internal = internal || FrameView(frame.table).entry(i).topic < internal_topics;
  }
  if (internal) {
    MILLRACE_ASSIGN(const std::string_view whole, walker.whole(frame));
    frame.table = whole.substr(0, table_bytes(frame.header));
    MILLRACE_TRY(core.apply_internal(locked, whole));
  }
  return core.apply_entries(locked, FrameView(frame.table), frame.position);
}

Status Recovery::run() {
  FileSystem& files = core_.environment.files;
  if (!files.exists(core_.directory + names::version)) {
    MILLRACE_TRY(make_new_log());
  }
  MILLRACE_TRY(core_.read_version());
  core_.journal.remove_unfinished();
  MILLRACE_TRY(core_.journal.refresh());
  MILLRACE_TRY(prepare_control(core_));
  MILLRACE_FAULT_POINT("recovery.mapped");
  MILLRACE_TRY(load_checkpoint());
  Status recovered = walk();
  if (recovered) {
    recovered = finish();
  }
  if (!recovered && core_.journal.sync_failed()) {
    core_.mark_failed("a sync failed: " + recovered.error().message());
  }
  return recovered;
}

Status Recovery::make_new_log() {
  FileSystem& files = core_.environment.files;
  if (!core_.options.create) {
    return fail(millrace::errc::not_found, core_.directory + ": there is no log in this directory");
  }
  MILLRACE_TRY(files.create_subdirectory(core_.directory + names::journal));
  MILLRACE_ASSIGN(const auto names, files.list(core_.directory + names::journal));
  if (std::any_of(names.begin(), names.end(),
                  [](const std::string& name) { return name.ends_with(".journal"); })) {
    return fail(errc::corrupt, core_.directory + names::version +
                                   ": missing beside a journal; restore it from a backup");
  }
  MILLRACE_TRY(files.sync_directory(core_.directory));
  Version version;
  version.log_id = std::max<std::uint64_t>(core_.environment.random.next(), 1);
  return write_version_file(files, core_.directory, version);
}

Status Recovery::load_checkpoint() {
  MILLRACE_ASSIGN(auto read, read_checkpoint(core_.environment.files, core_.directory));
  if (read && read->log_id == core_.log_id) {
    checkpoint_ = *std::move(read);
    incarnation_ = checkpoint_->incarnation;
  }
  return {};
}

Status Recovery::use_tables(const Checkpoint& checkpoint) {
  Control& control = *core_.control;
  for (const PositionRecord& row : checkpoint.positions) {
    MILLRACE_TRY(check_room_for(alone_, control, row.group, row.place));
    set_position(alone_, control, row.group, row.place, row.next);
  }
  for (const Checkpoint::Producer& producer : checkpoint.producers) {
    MILLRACE_TRY(check_room_for(alone_, control, producer.name));
    set_producer(alone_, control, producer.name, producer.state);
  }
  return {};
}

Status Recovery::walk() {
  Journal& journal = core_.journal;
  const auto segments = journal.segments();
  if (segments.empty()) {
    if (checkpoint_ && checkpoint_->position > 0) {
      return fail(errc::corrupt, core_.directory + names::journal +
                                     ": empty, but the log was durable up to position " +
                                     std::to_string(checkpoint_->position));
    }
    return {};
  }
  if (segments.front().start != 0) {
    return fail(errc::corrupt,
                segments.front().path +
                    ": the journal's first segment is missing, it begins at position " +
                    std::to_string(segments.front().start));
  }
  FrameWalker walker(journal, core_.log_id);
  // All batches are checked, also below the checkpoint: they are read anyway, and damage must not
  // wait for the one reader that needs the record.
  constexpr std::uint64_t check_from = 0;
  const std::uint64_t proven = checkpoint_ ? checkpoint_->position : 0;
  WalkedFrame frame;
  while (true) {
    MILLRACE_ASSIGN(const bool good, walker.next(check_from, frame));
    if (!good) {
      break;
    }
    MILLRACE_TRY(apply_walked(alone_, core_, walker, frame));
    incarnation_ = std::max(incarnation_, frame.header.incarnation);
    if (checkpoint_ && walker.position() == checkpoint_->position &&
        walker.previous() == checkpoint_->checksum) {
      MILLRACE_TRY(use_tables(*checkpoint_));
    }
  }
  position_ = walker.position();
  checksum_ = walker.previous();
  MILLRACE_ASSIGN(const std::uint64_t later, walker.proven_after(position_));
  if (std::max(proven, later) > position_) {
    return fail(errc::corrupt,
                journal.path_of(position_) + ": corrupt at position " + std::to_string(position_) +
                    ": " + walker.reason() + ", but the log was durable up to position " +
                    std::to_string(std::max(proven, later)) + "; run `millrace log verify`");
  }
  MILLRACE_TRY(check_may_cut(journal, core_.log_id, position_));
  MILLRACE_FAULT_POINT("recovery.before_cut");
  MILLRACE_TRY(journal.cut(position_));
  MILLRACE_FAULT_POINT("recovery.after_cut");
  return {};
}

Status Recovery::finish() {
  Control& control = *core_.control;
  Journal& journal = core_.journal;
  // A process's death leaves the tail in the page cache only; from here on it counts as durable.
  MILLRACE_TRY(journal.sync(checkpoint_ ? checkpoint_->position : 0, position_ + 1));
  control.incarnation = incarnation_ + 1;
  Checkpoint made;
  made.log_id = core_.log_id;
  made.incarnation = control.incarnation;
  made.position = position_;
  made.checksum = checksum_;
  made.catalog = core_.catalog.records();
  made.take_tables(alone_, control, core_.catalog.rows_used());
  MILLRACE_FAULT_POINT("recovery.before_checkpoint");
  MILLRACE_TRY(write_file_atomically(core_.environment.files, core_.directory + names::checkpoint,
                                     made.encode()));
  MILLRACE_FAULT_POINT("recovery.after_checkpoint");
  // A full disk is no reason not to open; then a failed sync may leave no mark.
  static_cast<void>(reserve_failure_file(core_.environment.files, core_.directory));
  control.committed.store(position_);
  control.durable.store(position_);
  control.recovered = position_;
  control.tails[0] = {position_, checksum_};
  control.tails[1] = {~0ULL, 0};
  const auto segments = journal.segments();
  if (!segments.empty()) {
    control.segment_start = segments.back().start;
    control.segment_end = segments.back().end;
    control.checkpoint_segment = control.segment_start;
  }
  control.checkpoint_position.store(position_);
  control.checkpoint_ns.store(core_.environment.clock.monotonic_ns());
  control.segments_version.store(1);
  core_.skip_catalog(control.partitions[0].count.load());
  control.valid.store(1, std::memory_order_release);
  return {};
}

}  // namespace millrace::log::embedded
