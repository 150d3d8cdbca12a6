// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "group_commit.hpp"

#include <algorithm>
#include <string>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t nap_ns = 5'000'000;
constexpr std::int64_t ns_per_ms = 1'000'000;
// Of commits by DurabilityPolicy::sync that nobody waits for.
constexpr std::int64_t unasked_sync_interval_ms = 1'000;

void raise_to(std::atomic<std::uint64_t>& value, std::uint64_t wanted) {
  std::uint64_t seen = value.load(std::memory_order_relaxed);
  while (seen < wanted && !value.compare_exchange_weak(seen, wanted, std::memory_order_seq_cst)) {
  }
}

}  // namespace

Status GroupCommit::sync_as_leader() {
  Control& control = directory_.control();
  const std::uint64_t committed = control.committed.load(std::memory_order_acquire);
  MILLRACE_FAULT_POINT("sync.leader_before");
  MILLRACE_TRY(make_durable(committed));
  MILLRACE_FAULT_POINT("sync.leader_after");
  return {};
}

Status GroupCommit::sync_up_to(std::uint64_t position) {
  MILLRACE_TRY(make_durable(position));
  wake_sleepers();
  return {};
}

Status GroupCommit::sync_surplus() {
  const std::uint64_t surplus = journal_.surplus();
  if (surplus == 0) [[likely]] {
    return {};
  }
  const Control& control = directory_.control();
  if (control.durable.load(std::memory_order_acquire) < surplus) {
    MILLRACE_TRY(sync_up_to(std::min(surplus, control.committed.load(std::memory_order_acquire))));
  }
  journal_.release_up_to(control.durable.load(std::memory_order_acquire));
  return {};
}

Status GroupCommit::make_durable(std::uint64_t position) {
  Control& control = directory_.control();
  // After `position` was read: a segment has its name before a frame in it is committed.
  MILLRACE_TRY(segments_.refresh());
  const std::uint64_t names = position == control.begin.load(std::memory_order_acquire)
                                  ? 0
                                  : journal_.bounds_of(position - 1).start + 1;
  std::uint64_t from = control.durable.load(std::memory_order_acquire);
  Status synced = journal_.sync(from, position);
  // A segment that is gone was made durable, settled and removed meanwhile.
  while (!synced && synced.error().is(millrace::errc::not_found) &&
         from != control.durable.load(std::memory_order_acquire)) {
    from = control.durable.load(std::memory_order_acquire);
    synced = journal_.sync(from, position);
  }
  if (synced && control.named.load(std::memory_order_acquire) < names) {
    MILLRACE_FAULT_POINT("sync.before_names");
    synced = journal_.sync_names();
  }
  if (synced) {
    // A file that was opened after another member saw the failure reports no lost pages.
    MILLRACE_TRY(directory_.check_not_failed());
    raise_to(control.named, names);
    raise_to(control.durable, position);
    return {};
  }
  if (!journal_.sync_failed()) {
    // A file could not be opened: nothing is known to be lost.
    return synced;
  }
  MILLRACE_FAULT_POINT("sync.failed");
  directory_.mark_sync_failed(synced.error());
  return fail(errc::failed_sync, "{}: {}; run `millrace log repair`", directory_.path(),
              synced.error().message());
}

void GroupCommit::wake_sleepers() {
  Control& control = directory_.control();
  control.durable_word.fetch_add(1, std::memory_order_seq_cst);
  if (control.durable_sleepers.load(std::memory_order_seq_cst) != 0) {
    directory_.region().wake(futex_of(control.durable_word), 1 << 20);
  }
}

void GroupCommit::sleep(std::uint32_t word, std::int64_t timeout_ns) {
  Control& control = directory_.control();
  std::atomic<std::uint32_t>& own = control.members[directory_.slot()].durable_sleepers;
  // The total is raised first and lowered last: a member that dies in between counts too much,
  // which costs a wake-up, but never too little.
  control.durable_sleepers.fetch_add(1, std::memory_order_seq_cst);
  own.fetch_add(1, std::memory_order_seq_cst);
  directory_.region().wait(futex_of(control.durable_word), word, timeout_ns);
  if (directory_.region().dead()) {
    return;  // the member that cleaned the slot took it from the total, and another one may have it
  }
  own.fetch_sub(1, std::memory_order_seq_cst);
  control.durable_sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

/// Becomes the leader; else `leader` is the member that leads. Takes over from another when
/// `timed_out`.
bool GroupCommit::lead(std::uint32_t& leader, bool timed_out) {
  std::atomic<std::uint32_t>& owner = directory_.control().sync_leader;
  const std::uint32_t me = directory_.owner();
  leader = 0;
  // A leader that was suspended must not stop the others: another member becomes the leader, and a
  // second sync at the same time does no harm.
  return owner.compare_exchange_strong(leader, me, std::memory_order_seq_cst) ||
         (timed_out && owner.compare_exchange_strong(leader, me, std::memory_order_seq_cst));
}

Status GroupCommit::lead_or_wait(std::uint64_t position) {
  Control& control = directory_.control();
  const std::int64_t timeout_ns = directory_.embedded_options().stuck_holder_ms * ns_per_ms;
  const std::uint32_t me = directory_.owner();
  std::int64_t since_ns = directory_.clock().monotonic_ns();
  std::uint32_t watched = 0;
  std::uint32_t watched_word = control.durable_word.load(std::memory_order_acquire);
  while (control.durable.load(std::memory_order_acquire) < position) {
    MILLRACE_TRY(directory_.check_open());
    MILLRACE_TRY(directory_.check_not_failed());
    const std::uint32_t word = control.durable_word.load(std::memory_order_acquire);
    const std::int64_t now = directory_.clock().monotonic_ns();
    std::uint32_t leader = 0;
    if (lead(leader, now - since_ns > timeout_ns && word == watched_word)) {
      const Status synced = sync_as_leader();
      std::uint32_t own = me;
      control.sync_leader.compare_exchange_strong(own, 0, std::memory_order_seq_cst);
      wake_sleepers();
      MILLRACE_TRY(synced);
      continue;
    }
    if (leader != watched || word != watched_word) {
      watched = leader;
      watched_word = word;
      since_ns = now;
    }
    if (control.durable.load(std::memory_order_seq_cst) >= position) {
      return {};
    }
    sleep(word, nap_ns);
    if (leader != me && !directory_.region().alive(static_cast<int>(leader) - 1)) {
      control.sync_leader.compare_exchange_strong(leader, 0, std::memory_order_seq_cst);
    }
  }
  return {};
}

Status GroupCommit::sync_when_due(std::int64_t now_ns) {
  const LogOptions& options = directory_.options();
  Control& control = directory_.control();
  const std::uint64_t committed = control.committed.load(std::memory_order_acquire);
  // With DurabilityPolicy::sync the waiters sync. Commits for which no caller waits are synced
  // here.
  const std::int64_t interval_ms = options.durability == DurabilityPolicy::interval
                                       ? options.sync_interval_ms
                                       : unasked_sync_interval_ms;
  if (options.durability == DurabilityPolicy::os ||
      now_ns - last_sync_ns_.load(std::memory_order_relaxed) < interval_ms * ns_per_ms ||
      control.durable.load(std::memory_order_acquire) >= committed) {
    return {};
  }
  last_sync_ns_.store(now_ns, std::memory_order_relaxed);
  return lead_or_wait(committed);
}

Status GroupCommit::wait(LogPosition wanted) {
  MILLRACE_TRY(directory_.check_open());
  Control& control = directory_.control();
  const LogOptions& options = directory_.options();
  const std::uint64_t position = wanted.position;
  if (wanted.era != 0 && wanted.era < control.incarnation && position > control.recovered) {
    return fail(
        errc::out_of_range,
        "position {} of incarnation {} was lost with the power; the log continues from position {}",
        position, wanted.era, control.recovered);
  }
  if (position > control.committed.load(std::memory_order_acquire)) {
    return fail(errc::invalid_argument, "position {} is beyond the end of the log", position);
  }
  if (options.durability == DurabilityPolicy::os) {
    return {};
  }
  if (options.durability == DurabilityPolicy::interval) {
    // The member whose housekeeping syncs wakes us; when nobody does in time, we sync ourselves.
    const std::int64_t interval_ns = options.sync_interval_ms * ns_per_ms;
    const std::int64_t until_ns = directory_.clock().monotonic_ns() + interval_ns;
    std::int64_t left_ns = interval_ns;
    while (left_ns > 0) {
      MILLRACE_TRY(directory_.check_open());
      MILLRACE_TRY(directory_.check_not_failed());
      const std::uint32_t word = control.durable_word.load(std::memory_order_acquire);
      if (control.durable.load(std::memory_order_seq_cst) >= position) {
        return {};
      }
      sleep(word, left_ns);
      left_ns = until_ns - directory_.clock().monotonic_ns();
    }
  }
  return lead_or_wait(position);
}

}  // namespace millrace::log::embedded
