// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "member.hpp"

#include <utility>

#include "ballast.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"
#include "opening_watch.hpp"
#include "recovery.hpp"
#include "tables.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

/// Nothing is lost for want of a descriptor: the next call does what this one could not.
Status with_descriptors(Status done) {
  return !done && done.error().is(millrace::errc::too_many_files) ? Status{} : std::move(done);
}

// A call settles in several rounds when commits would be slowed down else, but no longer than this.
constexpr std::int64_t rounds_ns_max = 1'000'000'000;
// How long a call waits for a member that settles, and between two looks.
constexpr std::int64_t settling_timeout_ns = 60'000'000'000;
constexpr std::int64_t settling_pause_ns = 5'000'000;

}  // namespace

Result<std::unique_ptr<Member>> Member::open(const std::string& path, LogEnvironment& environment,
                                             LogOptions options, const EmbeddedOptions& embedded) {
  if (!environment.files.exists(path + names::version)) {
    if (!options.create) {
      return fail(errc::not_found, "{}: there is no log in this directory", path);
    }
    MILLRACE_TRY(check_room_for_new_log(environment.files, path));
  }
  const auto try_open = [&]() -> Result<std::unique_ptr<Member>> {
    std::unique_ptr<Member> log(new Member(path, environment, options, embedded));
    Status opened = log->directory.open_region();
    if (opened) {
      opened = log->attach();
    }
    if (opened) {
      opened = log->join();
    }
    if (!opened) {
      return fail(log_error(std::move(opened).error()));
    }
    return log;
  };
  // A handle that can also work as a reader leaves the space to services.
  const bool writes = options.access == LogAccess::read_write;
  auto log = try_open();
  if (!log && writes && is_disk_full(log.error()) && release_ballast(environment.files, path)) {
    log = try_open();
  }
  if (log && writes) {
    reserve_ballast((*log)->directory);
    (*log)->checkpointer.look_after_ballast();
  }
  return log;
}

Status Member::attach() {
  OpeningWatch watch(directory);
  while (true) {
    MILLRACE_ASSIGN(const bool attached, try_attach());
    if (attached) {
      return {};
    }
    MILLRACE_TRY(watch.wait());
  }
}

Result<bool> Member::try_attach() {
  SharedRegion& region = directory.region();
  MILLRACE_ASSIGN(auto alone, Alone::take(region));
  if (alone) {
    MILLRACE_TRY(Recovery(*this, *alone).run());
    MILLRACE_FAULT_POINT("recovery.before_share");
    alone.reset();
    MILLRACE_ASSIGN(const bool shared, region.try_lock(SharedRegion::LockMode::shared));
    MILLRACE_ASSERT(shared, "an exclusive lock can always be made a shared one");
    return true;
  }
  MILLRACE_ASSIGN(const bool shared, region.try_lock(SharedRegion::LockMode::shared));
  if (!shared) {
    return false;
  }
  MILLRACE_ASSIGN(const bool joined, join_running());
  if (!joined) {
    MILLRACE_TRY(region.try_lock(SharedRegion::LockMode::none));
  }
  return joined;
}

Result<bool> Member::join_running() {
  MILLRACE_ASSIGN(const bool found, directory.find_control());
  if (!found) {
    return false;
  }
  MILLRACE_TRY(directory.read_version());
  MILLRACE_TRY(directory.check_no_failure_file());
  MILLRACE_ASSIGN(Lineages lineages, read_joined_lineages(directory));
  directory.set_lineages(std::move(lineages));
  MILLRACE_TRY(segments.refresh());
  MILLRACE_TRY(topics.refresh());
  return true;
}

Status Member::join() {
  MILLRACE_ASSIGN(const bool inherited, members.enter());
  writer_lock_.emplace(directory.control(), directory.region(), directory.clock(), directory.slot(),
                       directory.embedded_options().stuck_holder_ms);
  group_commit.start_interval(directory.clock().monotonic_ns());
  // Once through the lock: what a member that died in it left half done is repaired before we read
  // anything.
  MILLRACE_ASSIGN(const WriterLock::Held locked, lock_even_failed());
  members.settle(locked, inherited);
  return {};
}

Member::~Member() {
  if (directory.slot() >= 0 && !directory.region().dead() && !directory.region().forked()) {
    leave();
  }
}

void Member::leave() {
  // Its open files may be the only ones that report lost pages. A failure marks the log.
  const std::uint64_t committed = directory.control().committed.load(std::memory_order_acquire);
  if (directory.check_not_failed() && directory.check_in_place() &&
      directory.control().durable.load(std::memory_order_acquire) < committed) {
    static_cast<void>(group_commit.sync_up_to(committed));
  }
  bool clean = false;
  if (auto locked = lock_even_failed()) {
    members.clean(*locked, static_cast<std::uint32_t>(directory.slot()));
    directory.complete_mark(*locked);
    clean = directory.control().failed.load(std::memory_order_relaxed) == Failure::none;
  }
  if (!directory.check_in_place()) {
    return;
  }
  directory.region().leave(directory.slot());
  const auto alone = Alone::take(directory.region());
  if (clean && alone && *alone) {
    if (const auto made = checkpointer.make(**alone)) {
      // Without it, the next process that opens the log reads more of the journal.
      static_cast<void>(checkpointer.write(*made));
    }
    journal.remove_unfinished(**alone);
  }
}

Result<WriterLock::Held> Member::lock_even_failed() {
  MILLRACE_TRY(directory.check_open());
  auto acquired = writer_lock_->acquire();
  if (!acquired) {
    MILLRACE_TRY(directory.check_in_place());
    return std::unexpected(std::move(acquired).error());
  }
  WriterLock::Held locked = *std::move(acquired);
  MILLRACE_TRY(directory.check_open());
  if (locked.taken_over()) {
    MILLRACE_TRY(directory.check_in_place());
    auto repaired = repair(locked);
    if (!repaired && repaired.error().is(millrace::errc::too_many_files)) {
      // Another member may be able to do it: this one leaves the lock as a dead holder does. It
      // also loses its slot, and with it the right to settle.
      checkpointer.stop();
      settler.stop();
      cleaner.stop();
      deletions.stop();
      return directory.give_up(
          "what a dead process left could not be repaired, so this handle was closed: " +
          repaired.error().message() + "; raise `ulimit -n` and open the log again");
    }
    // A log that is marked already keeps its first reason.
    if (!repaired && directory.check_not_failed()) {
      directory.mark_failed("what a dead process left cannot be repaired: " +
                            repaired.error().message());
    }
  }
  return locked;
}

Result<WriterLock::Held> Member::lock() {
  MILLRACE_ASSIGN(WriterLock::Held locked, lock_even_failed());
  MILLRACE_TRY(directory.check_not_failed());
  return locked;
}

Status Member::repair(const Locked& locked) {
  recount(locked, directory.control());
  MILLRACE_TRY(segments.adopt(locked));
  // The frame of the dead one may follow on catalog records that we have not seen yet.
  MILLRACE_TRY(topics.refresh());
  MILLRACE_TRY(publisher.repair(locked));
  MILLRACE_FAULT_POINT("repair.after_frame");
  members.clean_dead(locked);
  directory.wake_everybody();
  return {};
}

Status Member::maintain() {
  const MutexLock guard(maintain_mutex_);
  return with_descriptors(keep_house());
}

Status Member::maintain_storage() {
  storage_is_maintained_.store(true, std::memory_order_relaxed);
  const MutexLock guard(storage_mutex_);
  return with_descriptors(settle_when_due());
}

Status Member::settle_for_commit() {
  if (storage_is_maintained_.load(std::memory_order_relaxed) || !settler.is_pressed()) [[likely]] {
    return {};
  }
  const MutexLock guard(storage_mutex_);
  return with_descriptors(settle_when_due());
}

Status Member::keep_house() {
  MILLRACE_TRY(directory.check_in_place());
  const std::int64_t now_ns = directory.clock().monotonic_ns();
  members.heartbeat(now_ns);
  settling_watch_.look(now_ns);
  if (members.has_dead_or_expired()) {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock_even_failed());
    members.remove_dead_and_expired(locked);
  }
  MILLRACE_TRY(directory.check_not_failed());
  MILLRACE_TRY(segments.refresh());
  MILLRACE_TRY(segments.hold_unsynced());
  MILLRACE_TRY(group_commit.sync_surplus());
  MILLRACE_TRY(group_commit.sync_when_due(now_ns));
  segments.prepare();
  return checkpoint_when_due();
}

/// For a call that may wait, unlike housekeeping, which comes again.
Status Member::begin_settling() {
  const std::int64_t give_up_ns = directory.clock().awake_ns() + settling_timeout_ns;
  while (!checkpointer.begin()) {
    MILLRACE_TRY(directory.check_open());
    if (members.has_dead_or_expired()) {
      MILLRACE_ASSIGN(const WriterLock::Held locked, lock_even_failed());
      members.remove_dead_and_expired(locked);
    } else if (directory.clock().awake_ns() > give_up_ns) {
      return fail(millrace::errc::busy,
                  "{}: {} has settled or written a checkpoint for a minute; try again, or end that "
                  "process when it is stuck",
                  directory.path(), settling_watch_.holder());
    } else {
      std::uint32_t word = 0;
      directory.region().wait(&word, 0, settling_pause_ns);
    }
  }
  return {};
}

Status Member::settle_when_due() {
  MILLRACE_TRY(directory.check_in_place());
  MILLRACE_TRY(directory.check_not_failed());
  const std::int64_t now_ns = directory.clock().monotonic_ns();
  // A bad sector may take it half a minute, so others can settle meanwhile.
  scrubber_.run(now_ns);
  const bool settles = settler.is_due(now_ns);
  const bool cleans = cleaner.is_due(now_ns);
  const bool deletes = deletions.is_due(now_ns);
  if (!settles && !cleans && !deletes) {
    return {};
  }
  MILLRACE_TRY(segments.refresh());
  if (!checkpointer.begin()) {
    return {};
  }
  const Settler::Lock take_lock = [this] { return lock(); };
  Status done = deletes ? deletions.run(take_lock) : Status{};
  // After each removal, before anything else takes that room.
  checkpointer.restore_ballast();
  bool again = settles;
  while (done && again) {
    done = settler.run(take_lock);
    checkpointer.restore_ballast();
    again = settler.is_behind() && directory.clock().monotonic_ns() - now_ns < rounds_ns_max;
    if (done && again) {
      done = segments.refresh();
    }
  }
  if (done && cleans) {
    done = cleaner.run(take_lock);
  }
  checkpointer.end();
  return done;
}

Status Member::checkpoint_when_due() {
  if (!checkpointer.begin_when_due()) {
    return {};
  }
  const auto make = [this]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    return checkpointer.make(locked);
  };
  const auto made = make();
  const Status written = made ? checkpointer.write(*made) : Status{};
  checkpointer.end();
  if (!made) {
    return is_disk_full(made.error()) ? Status{} : fail(made.error());
  }
  if (!written) {
    // No reason to stop: the older checkpoint is still valid.
    directory.counts().checkpoint_errors.fetch_add(1, std::memory_order_relaxed);
    MILLRACE_TRY(directory.check_open());
  }
  return directory.check_not_failed();
}

}  // namespace millrace::log::embedded
