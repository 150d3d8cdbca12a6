// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_simulation.hpp"

#include <gmock/gmock.h>

#include <iterator>

namespace millrace::log {
namespace {

const char* const deadly_points[] = {"lock.held",
                                     "commit.before_frame",
                                     "commit.inside_frame",
                                     "commit.after_frame",
                                     "commit.after_publish",
                                     "commit.before_wake",
                                     "commit.after_wake",
                                     "sync.leader_before",
                                     "sync.leader_after",
                                     "sync.before_names",
                                     "segment.renamed",
                                     "segment.made",
                                     "segment.inside_use",
                                     "prepare.inside",
                                     "prepare.done",
                                     "index_file.before",
                                     "index_file.inside",
                                     "index_file.after",
                                     "checkpoint.before_write",
                                     "settle.begun",
                                     "settle.file_made",
                                     "settle.written",
                                     "settle.synced",
                                     "settle.before_publish",
                                     "settle.published",
                                     "settle.change",
                                     "settle.cut",
                                     "settle.before_begin",
                                     "settle.before_removal",
                                     "settle.removed",
                                     "clean.version_raised",
                                     "clean.before_checkpoint",
                                     "clean.start_raised",
                                     "clean.before_removal",
                                     "delete.durable",
                                     "delete.before_checkpoint",
                                     "delete.before_rename",
                                     "delete.before_sync",
                                     "delete.before_removal",
                                     "delete.removed",
                                     "create.name_is_free",
                                     "members.cleaned",
                                     "repair.after_frame",
                                     "groups.inside_grant"};

/// Of a member that has no slot yet: an exception leaves one that has a slot in order.
const char* const opening_points[] = {"recovery.mapped",           "recovery.before_cut",
                                      "recovery.after_cut",        "recovery.before_checkpoint",
                                      "recovery.after_checkpoint", "recovery.before_share"};

}  // namespace

void LogSimulation::write_some(SimulatedMember& one) {
  for (std::uint64_t left = random().below(5) + 1; left > 0 && !pending_; --left) {
    commit_one(one, next_commit());
    if (HasFailure()) {
      return;
    }
  }
}

void LogSimulation::keep(SimulatedMember& one) {
  const Status kept = chance(4) ? one.log->maintain() : maintain_all(*one.log);
  if (!kept) {
    expect_allowed(one, kept.error());
  }
}

void LogSimulation::poll(SimulatedMember& one) {
  if (one.membership == nullptr) {
    const auto group = one.log->group("g");
    if (!group) {
      return expect_allowed(one, group.error());
    }
    auto joined = one.log->join(*group, {"0", "1"});
    if (!joined) {
      return expect_allowed(one, joined.error());
    }
    one.membership = *std::move(joined);
  }
  const auto change = one.membership->poll();
  if (!change) {
    return expect_allowed(one, change.error());
  }
  for (const Claim& claim : change->lost) {
    std::erase(one.claims, claim);
    former_.push_back({claim, true});
  }
  for (const Claim& claim : change->granted) {
    ClaimEpoch& latest = latest_[claim.task()];
    EXPECT_GT(claim.epoch(), latest) << "an epoch was used again";
    latest = claim.epoch();
    one.claims.push_back(claim);
    ++seen_.grants;
  }
  for (const Claim& claim : change->asked_back) {
    const Status released = one.membership->release(claim);
    if (released) {
      std::erase(one.claims, claim);
      former_.push_back({claim, true});
    } else {
      expect_allowed(one, released.error());
    }
  }
}

void LogSimulation::check_all(Log& log) {
  check(log);
  check_passing_topic(log);
}

void LogSimulation::fail_a_call(SimulatedMember& one) {
  const auto number = static_cast<int>(random().below(25)) + 1;
  one.files.fail_call(number, chance(2) ? millrace::errc::disk_full : millrace::errc::io_error);
}

void LogSimulation::lose_syncs(SimulatedMember& one) {
  machine().files.fail_syncs(true);
  failing_ = true;
  if (chance(3)) {
    use_passing_topic(one);
  } else if (chance(2)) {
    keep(one);
  } else {
    write_some(one);
  }
  machine().files.fail_syncs(false);
  failing_ = false;
  // Only what is durable is known to be on the disk.
  unsure_ = lost_pages_ = true;
}

void LogSimulation::fill_disk() {
  std::uint64_t bytes = 0;
  const auto count = [&](const auto& self, const std::string& path) -> void {
    if (const auto below = machine().files.list(path)) {
      for (const std::string& name : *below) {
        self(self, path + "/" + name);
      }
    } else if (const auto file = machine().files.open(path, OpenMode::read)) {
      bytes += (*file)->size().value_or(0);
    }
  };
  count(count, root);
  machine().files.set_capacity(bytes + random().below(20'000));
  full_ = true;
  ++seen_.full_disks;
}

void LogSimulation::run_until_death(SimulatedMember& one, const std::function<void()>& work) {
  const auto nth = static_cast<int>(random().below(4)) + 1;
  plan(deadly_points[random().below(std::size(deadly_points))], nth);
  const bool died = dies(*one.log, work);
  forget_plan();
  if (died) {
    ++seen_.deaths;
    // The power can go there, too.
    chance(8) ? cut_power() : close(one, false);
  }
}

void LogSimulation::step() {
  if (pending_ || unsure_ || is_marked()) {
    return resolve();
  }
  SimulatedMember& one = any();
  if (one.log != nullptr && one.files.failed()) {
    // Its process would have ended, or continues after the failure.
    if (chance(2)) {
      return close(one, chance(2));
    }
    one.files.fail_call(-1, millrace::errc::io_error);
  }
  if (one.log == nullptr) {
    if (chance(4)) {
      plan(opening_points[random().below(std::size(opening_points))], 1);
    } else if (chance(4)) {
      fail_a_call(one);
    }
    open_member(one);
    forget_plan();
    return;
  }
  switch (random().below(28)) {
    case 0:
      return close(one, true);
    case 1:
      return close(one, false);
    case 2:
      machine().clock.advance_ms(static_cast<std::int64_t>(random().below(3)) * week_ms / 2 + 1);
      return;
    case 3:
      // A reader opens files, too.
      one.files.fail_call(-1, millrace::errc::io_error);
      read_on(static_cast<int>(&one - members_.data()), *one.log);
      return check_all(*one.log);
    case 4:
      if (reader_ == nullptr) {
        reader_ = open_to_read();
      }
      read_on(static_cast<int>(members_max), *reader_);
      return check_all(*reader_);
    case 5:
    case 6:
      return run_until_death(one, [&] { write_some(one); });
    case 7:
    case 8:
      return run_until_death(one, [&] { keep(one); });
    case 9:
      return run_until_death(one, [&] { poll(one); });
    case 10:
    case 11:
      return poll(one);
    case 12:
      return fail_a_call(one);
    case 13:
      return chance(4) ? cut_power() : write_some(one);
    case 14:
      return chance(6) ? lose_syncs(one) : keep(one);
    case 15:
      if (full_) {
        machine().files.set_capacity(UINT64_MAX);
        full_ = false;
        return;
      }
      return chance(4) ? fill_disk() : keep(one);
    case 16:
    case 17:
    case 18:
    case 19:
      return keep(one);
    case 20:
    case 21:
    case 22:
      return use_passing_topic(one);
    case 23:
      return run_until_death(one, [&] { use_passing_topic(one); });
    default:
      return write_some(one);
  }
}

void LogSimulation::end() {
  for (int left = 10; left > 0 && (pending_ || unsure_ || is_marked()); --left) {
    resolve();
  }
  machine().files.set_capacity(UINT64_MAX);
  full_ = false;
  for (SimulatedMember& one : members_) {
    close(one, false);
  }
  for (int left = 10; left > 0 && (pending_ || unsure_ || is_marked()); --left) {
    resolve();
  }
  for (SimulatedMember& one : members_) {
    close(one, false);
  }
  reader_.reset();
  const auto last = open("last");
  ASSERT_NE(last, nullptr);
  clean(*last);
  check_all(*last);
  check_history(*last);
  EXPECT_THAT(names("/settled", "-delete"), testing::IsEmpty());
  expect_good_directory();
  seen_.bulk_syncs += static_cast<int>(machine().files.bulk_syncs());
  seen_.removed += last->start_offset(commands_at_).value() > offset(0) ? 1 : 0;
  seen_.tombstones_removed += last->tombstones_complete_from(table_at_).value() > offset(0) ? 1 : 0;
}

}  // namespace millrace::log
