// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "checkpointer.hpp"

#include <atomic>
#include <utility>

#include "ballast.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"
#include "outcomes.hpp"

namespace millrace::log::embedded {
namespace {

// The interval between two checkpoints: this many bytes were written, or this much time has passed.
// A checkpoint costs a sync of all bytes since the last one; recovery reads this many bytes in well
// under a second.
constexpr std::uint64_t checkpoint_interval_bytes = 256ULL << 20U;
constexpr std::int64_t checkpoint_interval_ns = 5'000'000'000;
// Disk space that the two files of a checkpoint may need in addition to their bytes: blocks that
// are not full, and one block of the directory.
constexpr std::uint64_t checkpoint_spare_bytes = 16U << 10U;

}  // namespace

Result<Checkpoint> Checkpointer::make(const Locked& locked) {
  Control& control = directory_.control();
  MILLRACE_TRY(topics_.refresh());
  Checkpoint made;
  made.log_id = directory_.log_id();
  made.incarnation = control.incarnation;
  made.lineage = directory_.lineages().current();
  made.position = control.committed.load(std::memory_order_relaxed);
  made.begin = control.begin.load(std::memory_order_relaxed);
  made.begin_previous = control.begin_previous;
  MILLRACE_ASSIGN(const Tail tail, publisher_.tail(locked));
  made.checksum = tail.checksum;
  made.catalog = topics_.catalog().records();
  made.take_tables(locked, control, topics_.catalog().rows_used());
  made.segment = control.segment_start;
  control.checkpoint_position.store(made.position, std::memory_order_relaxed);
  control.checkpoint_ns.store(directory_.clock().monotonic_ns(), std::memory_order_relaxed);
  return made;
}

/// The data of the previous checkpoint that the tables do not have.
Status Checkpointer::add_what_continues(Checkpoint& made) {
  if (!made.has_settled()) {
    return {};
  }
  // This one takes the place of one that is damaged.
  auto before = read_checkpoint(directory_.files(), directory_.path());
  if (!before && !before.error().is(errc::corrupt)) {
    return fail(before.error());
  }
  return add_outcomes(made, before ? *before : std::nullopt, journal_);
}

Status Checkpointer::write(Checkpoint made) { return write(std::move(made), WithIndex::yes); }

Status Checkpointer::write(Checkpoint made, WithIndex with_index) {
  // A checkpoint proves that its state is durable. So the state must be durable first.
  MILLRACE_TRY(group_commit_.sync_up_to(made.position));
  MILLRACE_FAULT_POINT("checkpoint.before_write");
  MILLRACE_TRY(directory_.check_in_place());
  MILLRACE_TRY(add_what_continues(made));
  if (with_index == WithIndex::yes) {
    // If an index file is missing, the next process that opens the log reads the segment instead.
    static_cast<void>(index_files_.write_up_to(made.position, made.begin));
  }
  const MutexLock guard(writing_);
  if (stopped_) {
    return fail(errc::closed, "{}: this handle is being closed", directory_.path());
  }
  MILLRACE_TRY(directory_.check_in_place());
  MILLRACE_TRY(write_checkpoint(directory_.files(), directory_.path(), made));
  // Only now: one that could not be written is due again after the interval.
  std::atomic_ref(directory_.control().checkpoint_segment)
      .store(made.segment, std::memory_order_relaxed);
  wants_ballast_ = true;
  return {};
}

void Checkpointer::stop() {
  const MutexLock guard(writing_);
  stopped_ = true;
}

bool Checkpointer::begin_when_due() {
  Control& control = directory_.control();
  if (std::atomic_ref(control.checkpoint_segment).load(std::memory_order_relaxed) ==
      std::atomic_ref(control.segment_start).load(std::memory_order_relaxed)) {
    return false;
  }
  const std::uint64_t written_bytes = control.committed.load(std::memory_order_relaxed) -
                                      control.checkpoint_position.load(std::memory_order_relaxed);
  const std::int64_t since_ns =
      directory_.clock().monotonic_ns() - control.checkpoint_ns.load(std::memory_order_relaxed);
  if (written_bytes < checkpoint_interval_bytes && since_ns < checkpoint_interval_ns) {
    return false;
  }
  return begin();
}

bool Checkpointer::begin() {
  Control& control = directory_.control();
  std::uint32_t nobody = 0;
  if (!control.checkpoint_owner.compare_exchange_strong(nobody, directory_.owner())) {
    return false;
  }
  // A sign of life (SettlingWatch), also of a handle without housekeeping.
  control.members[directory_.slot()].heartbeat_ns.store(directory_.clock().monotonic_ns(),
                                                        std::memory_order_release);
  wants_ballast_ = false;
  return true;
}

void Checkpointer::look_after_ballast() {
  if (begin()) {
    wants_ballast_ = true;
    end();
  }
}

bool Checkpointer::use_ballast(std::uint64_t bytes) {
  if (!directory_.check_in_place() || !shrink_ballast(directory_, bytes)) {
    return false;
  }
  wants_ballast_ = true;
  return true;
}

Status Checkpointer::write_before_removal(const Checkpoint& made) {
  Status written = write(made);
  if (!written && is_disk_full(written.error()) &&
      use_ballast(2 * made.encode().size() + checkpoint_spare_bytes)) {
    written = write(made, WithIndex::no);
  }
  // It may be larger than that, and some file systems give back whole files only.
  if (!written && is_disk_full(written.error()) && wants_ballast_ && directory_.check_in_place() &&
      release_ballast(directory_.files(), directory_.path())) {
    written = write(made, WithIndex::no);
  }
  return written;
}

void Checkpointer::restore_ballast() {
  // Not in a directory that belongs to another log now, nor for a handle that gave up its slot.
  if (wants_ballast_ && directory_.check_in_place()) {
    keep_ballast(directory_);
  }
}

void Checkpointer::end() {
  if (directory_.check_in_place()) {
    remove_unfinished_ballasts(directory_);
  }
  restore_ballast();
  // Not the mark of another member, if this one was taken for dead.
  std::uint32_t own = directory_.owner();
  directory_.control().checkpoint_owner.compare_exchange_strong(own, 0);
}

}  // namespace millrace::log::embedded
