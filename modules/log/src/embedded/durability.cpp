// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded/core.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

// Group commit: of those who wait, one syncs for all; who comes meanwhile is covered by the next
// sync.
namespace millrace::log::embedded {
namespace {

constexpr std::int64_t nap_ns = 5'000'000;

void raise_to(std::atomic<std::uint64_t>& value, std::uint64_t wanted) {
  std::uint64_t seen = value.load(std::memory_order_relaxed);
  while (seen < wanted && !value.compare_exchange_weak(seen, wanted, std::memory_order_seq_cst)) {
  }
}

}  // namespace

Status Core::sync_as_leader() {
  const std::uint64_t committed = control->committed.load(std::memory_order_acquire);
  MILLRACE_TRY(refresh_segments());
  MILLRACE_FAULT_POINT("sync.leader_before");
  const Status synced = journal.sync(control->durable.load(std::memory_order_acquire), committed);
  if (!synced) {
    mark_failed("a sync failed: " + synced.error().message());
    return fail(errc::failed_sync,
                directory + ": " + synced.error().message() + "; run `millrace log repair`");
  }
  raise_to(control->durable, committed);
  MILLRACE_FAULT_POINT("sync.leader_after");
  return {};
}

Status Core::lead_or_wait(std::uint64_t position) {
  const std::int64_t began_ns = environment.clock.monotonic_ns();
  const std::uint32_t me = static_cast<std::uint32_t>(slot) + 1;
  while (control->durable.load(std::memory_order_acquire) < position) {
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(check_not_failed());
    const std::uint32_t word = control->durable_word.load(std::memory_order_acquire);
    std::uint32_t leader = 0;
    const bool leads =
        control->sync_leader.compare_exchange_strong(leader, me, std::memory_order_seq_cst);
    // A leader that was stopped must not stop the others: a second sync beside its own does no
    // harm.
    const bool impatient =
        environment.clock.monotonic_ns() - began_ns > options.stuck_holder_ms * 1'000'000;
    if (leads || impatient) {
      const Status synced = sync_as_leader();
      if (leads) {
        control->sync_leader.store(0, std::memory_order_seq_cst);
      }
      control->durable_word.fetch_add(1, std::memory_order_seq_cst);
      if (control->durable_sleepers.load(std::memory_order_seq_cst) != 0) {
        region->wake(futex_of(control->durable_word), 1 << 20);
      }
      MILLRACE_TRY(synced);
      continue;
    }
    if (control->durable.load(std::memory_order_seq_cst) >= position) {
      return {};
    }
    control->durable_sleepers.fetch_add(1, std::memory_order_seq_cst);
    region->wait(futex_of(control->durable_word), word, nap_ns);
    control->durable_sleepers.fetch_sub(1, std::memory_order_seq_cst);
    if (leader != me && !region->alive(static_cast<int>(leader) - 1)) {
      control->sync_leader.compare_exchange_strong(leader, 0, std::memory_order_seq_cst);
    }
  }
  return {};
}

Status Core::wait_durable(std::uint64_t position) {
  MILLRACE_TRY(check_open());
  if (position > control->committed.load(std::memory_order_acquire)) {
    return fail(errc::invalid_argument,
                "position " + std::to_string(position) + " is beyond the end of the log");
  }
  if (options.durability == DurabilityPolicy::os) {
    return {};
  }
  if (options.durability == DurabilityPolicy::interval && !region->simulated()) {
    // The member whose housekeeping syncs wakes us; when nobody does in time, we sync ourselves.
    const std::int64_t until_ns =
        environment.clock.monotonic_ns() + options.sync_interval_ms * 1'000'000;
    std::int64_t left_ns = options.sync_interval_ms * 1'000'000;
    while (control->durable.load(std::memory_order_acquire) < position && left_ns > 0) {
      MILLRACE_TRY(check_not_failed());
      const std::uint32_t word = control->durable_word.load(std::memory_order_acquire);
      control->durable_sleepers.fetch_add(1, std::memory_order_seq_cst);
      if (control->durable.load(std::memory_order_seq_cst) < position) {
        region->wait(futex_of(control->durable_word), word, left_ns);
      }
      control->durable_sleepers.fetch_sub(1, std::memory_order_seq_cst);
      left_ns = until_ns - environment.clock.monotonic_ns();
    }
  }
  return lead_or_wait(position);
}

}  // namespace millrace::log::embedded
