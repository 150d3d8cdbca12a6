// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "writer_lock.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// Set when somebody may sleep for the lock. Never missing while somebody does, except for the
// time-out of one sleep.
constexpr std::uint32_t contended = 0x8000'0000U;
constexpr std::uint32_t slot_mask = 0xffU;
constexpr unsigned generation_shift = 8;
constexpr std::uint32_t generation_mask = 0x7f'ffffU;
static_assert(max_members < slot_mask);
constexpr std::int64_t starving_after_ns = 1'000'000;
constexpr std::int64_t sleep_ns = 5'000'000;
constexpr std::int64_t longest_look_ns = 4 * sleep_ns;
constexpr int spins = 60;

void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// The word of a holder. With its generation, so that a slot's next member is never taken for the
/// one that died.
std::uint32_t word_of(std::uint32_t slot, const MemberRow& row) {
  const std::uint32_t generation = row.generation.load(std::memory_order_acquire);
  return (slot + 1) | ((generation & generation_mask) << generation_shift);
}

}  // namespace

WriterLock::WriterLock(Control& control, SharedRegion& region, Clock& clock, int slot,
                       std::int64_t stuck_holder_ms)
    : control_(control),
      region_(region),
      clock_(clock),
      slot_(slot),
      mine_(word_of(static_cast<std::uint32_t>(slot), control.members[slot])),
      stuck_ns_(stuck_holder_ms * 1'000'000) {}

bool WriterLock::try_free(std::uint32_t mark) {
  std::uint32_t expected = 0;
  return control_.lock.compare_exchange_strong(expected, mine_ | mark, std::memory_order_seq_cst);
}

// The mutex belongs to a value that is passed on, which the check cannot follow.
WriterLock::Held::Held(WriterLock& lock) MILLRACE_NO_THREAD_SAFETY_ANALYSIS
    : lock_(&lock),
      unwinding_(std::uncaught_exceptions()) {
  lock.turn_.lock();
}

WriterLock::Held::Held(Held&& other) noexcept
    : Locked(std::move(other)),
      lock_(std::exchange(other.lock_, nullptr)),
      outcome_(other.outcome_),
      unwinding_(other.unwinding_) {}

// The same.
WriterLock::Held::~Held() MILLRACE_NO_THREAD_SAFETY_ANALYSIS {
  if (lock_ == nullptr) {
    return;
  }
  if (outcome_ && std::uncaught_exceptions() == unwinding_ && !lock_->region_.dead()) {
    lock_->release_shared();
  }
  lock_->turn_.unlock();
}

Result<WriterLock::Held> WriterLock::acquire() {
  Held held(*this);
  MILLRACE_ASSIGN(held.outcome_, acquire_shared());
  return held;
}

Result<WriterLock::Outcome> WriterLock::acquire_shared() {
  for (int i = 0; i < spins; ++i) {
    if (control_.lock.load(std::memory_order_relaxed) == 0 && try_free(0)) {
      control_.progress.fetch_add(1, std::memory_order_relaxed);
      return Outcome::acquired;
    }
    pause_processor();
  }
  // Nobody hands it to a member that does not wait: so this one left it by an exception, and what
  // it was writing may be half done.
  if ((control_.lock.load(std::memory_order_acquire) & ~contended) == mine_) {
    control_.progress.fetch_add(1, std::memory_order_relaxed);
    return Outcome::taken_over;
  }
  MemberRow& self = control_.members[slot_];
  self.lock_wait_since_ns.store(clock_.monotonic_ns(), std::memory_order_seq_cst);
  auto outcome = acquire_slowly();
  self.lock_wait_since_ns.store(0, std::memory_order_relaxed);
  control_.progress.fetch_add(1, std::memory_order_relaxed);
  return outcome;
}

Result<WriterLock::Outcome> WriterLock::acquire_slowly() {
  MemberRow& self = control_.members[slot_];
  Watch watch;
  while (true) {
    const std::uint32_t seen = self.lock_word.load(std::memory_order_acquire);
    std::uint32_t word = control_.lock.load(std::memory_order_acquire);
    if ((word & ~contended) == mine_) {
      return Outcome::acquired;
    }
    if (word == 0) {
      if (try_free(contended)) {
        return Outcome::acquired;
      }
      continue;
    }
    if ((word & contended) == 0 && !control_.lock.compare_exchange_strong(word, word | contended)) {
      continue;
    }
    region_.wait(futex_of(self.lock_word), seen, sleep_ns);
    if (self.lock_word.load(std::memory_order_acquire) != seen) {
      continue;
    }
    auto taken = take_from_dead(word | contended, watch);
    if (!taken) {
      // A lock handed over at this moment must not be left with us unnoticed.
      if ((control_.lock.load(std::memory_order_acquire) & ~contended) == mine_) {
        return Outcome::acquired;
      }
      return std::unexpected(std::move(taken).error());
    }
    if (*taken) {
      return Outcome::taken_over;
    }
  }
}

Result<bool> WriterLock::take_from_dead(std::uint32_t word, Watch& watch) {
  // Whether the holder lives is read from files of the directory, and a holder that saw the log
  // vanish leaves without giving the lock back.
  if (region_.replaced()) {
    return fail(errc::closed, "the log vanished or was replaced while its lock was waited for");
  }
  const std::uint32_t holder = (word & slot_mask) - 1;
  const std::uint64_t progress = control_.progress.load(std::memory_order_relaxed);
  const bool replaced = word_of(holder, control_.members[holder]) != (word & ~contended);
  if (replaced || !region_.alive(static_cast<int>(holder))) {
    return control_.lock.compare_exchange_strong(word, mine_ | contended,
                                                 std::memory_order_seq_cst);
  }
  const std::int64_t now = clock_.monotonic_ns();
  if (watch.holder != word || watch.progress != progress) {
    watch = {word, progress, now, 0};
    return false;
  }
  // Time in which this process itself stood still counts little: the holder may have, too.
  watch.idle_ns += std::min(now - watch.looked_ns, longest_look_ns);
  watch.looked_ns = now;
  if (watch.idle_ns < stuck_ns_) {
    return false;
  }
  const MemberRow& row = control_.members[holder];
  if (auto killed = region_.kill(static_cast<int>(holder), row.pid, row.start_time); !killed) {
    return fail(errc::stuck_holder,
                "member '" + std::string(row.name.view()) + "' (pid " + std::to_string(row.pid) +
                    ") holds the log's lock without progress: " + killed.error().message() +
                    "; end that process");
  }
  watch = {};
  return false;
}

MemberRow* WriterLock::next_waiter(std::int64_t now, bool& starving, std::uint32_t& slot) {
  MemberRow* found = nullptr;
  std::int64_t oldest = now + 1;
  const std::uint32_t high = control_.members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < high; ++i) {
    MemberRow& row = control_.members[i];
    const std::int64_t since = row.lock_wait_since_ns.load(std::memory_order_seq_cst);
    if (since != 0 && since < oldest &&
        row.state.load(std::memory_order_relaxed) == SlotState::active) {
      oldest = since;
      found = &row;
      slot = i;
    }
  }
  starving = found != nullptr && now - oldest > starving_after_ns;
  return found;
}

void WriterLock::release_shared() {
  std::uint32_t mine = mine_;
  if (control_.lock.compare_exchange_strong(mine, 0, std::memory_order_seq_cst)) {
    return;
  }
  bool starving = false;
  std::uint32_t slot = 0;
  MemberRow* next = next_waiter(clock_.monotonic_ns(), starving, slot);
  control_.lock.store(starving ? word_of(slot, *next) | contended : 0, std::memory_order_seq_cst);
  if (next != nullptr) {
    next->lock_word.fetch_add(1, std::memory_order_release);
    region_.wake(futex_of(next->lock_word), 1);
  }
}

}  // namespace millrace::log::embedded
