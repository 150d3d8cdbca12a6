// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "core.hpp"
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

void Core::publish_durable(std::uint64_t position) {
  raise_to(control->durable, position);
  control->durable_word.fetch_add(1, std::memory_order_seq_cst);
  if (control->durable_sleepers.load(std::memory_order_seq_cst) != 0) {
    region->wake(futex_of(control->durable_word), 1 << 20);
  }
}

void Core::sleep_for_durable(std::uint32_t word, std::int64_t timeout_ns) {
  std::atomic<std::uint32_t>& own = control->members[slot].durable_sleepers;
  // The total first, and last: who dies between counts too much, which costs a wake-up, never too
  // little.
  control->durable_sleepers.fetch_add(1, std::memory_order_seq_cst);
  own.fetch_add(1, std::memory_order_seq_cst);
  region->wait(futex_of(control->durable_word), word, timeout_ns);
  own.fetch_sub(1, std::memory_order_seq_cst);
  control->durable_sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

bool Core::lead_sync(std::uint32_t& leader, bool impatient) {
  const std::uint32_t me = static_cast<std::uint32_t>(slot) + 1;
  leader = 0;
  // A leader that was stopped must not stop the others: its place is taken, and a second sync
  // beside its own does no harm.
  return control->sync_leader.compare_exchange_strong(leader, me, std::memory_order_seq_cst) ||
         (impatient &&
          control->sync_leader.compare_exchange_strong(leader, me, std::memory_order_seq_cst));
}

Status Core::lead_or_wait(std::uint64_t position) {
  const std::int64_t patience_ns = embedded.stuck_holder_ms * 1'000'000;
  const std::uint32_t me = static_cast<std::uint32_t>(slot) + 1;
  std::int64_t since_ns = environment.clock.monotonic_ns();
  std::uint32_t watched = 0;
  std::uint32_t watched_word = control->durable_word.load(std::memory_order_acquire);
  while (control->durable.load(std::memory_order_acquire) < position) {
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(check_not_failed());
    const std::uint32_t word = control->durable_word.load(std::memory_order_acquire);
    const std::int64_t now = environment.clock.monotonic_ns();
    std::uint32_t leader = 0;
    if (lead_sync(leader, now - since_ns > patience_ns && word == watched_word)) {
      const Status synced = sync_as_leader();
      std::uint32_t own = me;
      control->sync_leader.compare_exchange_strong(own, 0, std::memory_order_seq_cst);
      control->durable_word.fetch_add(1, std::memory_order_seq_cst);
      if (control->durable_sleepers.load(std::memory_order_seq_cst) != 0) {
        region->wake(futex_of(control->durable_word), 1 << 20);
      }
      MILLRACE_TRY(synced);
      continue;
    }
    if (leader != watched || word != watched_word) {
      watched = leader;
      watched_word = word;
      since_ns = now;
    }
    if (control->durable.load(std::memory_order_seq_cst) >= position) {
      return {};
    }
    sleep_for_durable(word, nap_ns);
    if (leader != me && !region->alive(static_cast<int>(leader) - 1)) {
      control->sync_leader.compare_exchange_strong(leader, 0, std::memory_order_seq_cst);
    }
  }
  return {};
}

Status Core::wait_durable(LogPosition wanted) {
  MILLRACE_TRY(check_open());
  const std::uint64_t position = wanted.position;
  if (wanted.incarnation != 0 && wanted.incarnation < control->incarnation &&
      position > control->recovered) {
    return fail(errc::out_of_range, "position " + std::to_string(position) + " of incarnation " +
                                        std::to_string(wanted.incarnation) +
                                        " was lost with the power; the log goes on from position " +
                                        std::to_string(control->recovered));
  }
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
    while (left_ns > 0) {
      MILLRACE_TRY(check_not_failed());
      const std::uint32_t word = control->durable_word.load(std::memory_order_acquire);
      if (control->durable.load(std::memory_order_seq_cst) >= position) {
        return {};
      }
      sleep_for_durable(word, left_ns);
      left_ns = until_ns - environment.clock.monotonic_ns();
    }
  }
  return lead_or_wait(position);
}

}  // namespace millrace::log::embedded
