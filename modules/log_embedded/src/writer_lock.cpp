// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "writer_lock.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <utility>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// Set when somebody may sleep for the lock. Never missing while somebody does, except for the
// time-out of one sleep.
constexpr std::uint32_t contended = 0x8000'0000U;
constexpr std::uint32_t slot_mask = 0x7fU;
// Set when a waiter was given the lock and has not seen it yet: nothing is written under it.
constexpr std::uint32_t offered = 0x80U;
constexpr unsigned generation_shift = 8;
constexpr std::uint32_t generation_mask = 0x7f'ffffU;
static_assert(max_members < slot_mask);
constexpr std::int64_t starving_after_ns = 1'000'000;
constexpr std::int64_t sleep_ns = 5'000'000;
constexpr std::int64_t longest_look_ns = 4 * sleep_ns;
// A waiter that has not looked for so long may be stopped: it is offered no lock, and what it was
// offered is taken back.
constexpr std::int64_t absent_after_ns = 10 * sleep_ns;
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

std::optional<WriterLock::Outcome> WriterLock::try_take(std::uint32_t word) {
  const bool unused = (word & offered) != 0;
  if (!control_.lock.compare_exchange_strong(word, mine_ | contended, std::memory_order_seq_cst)) {
    return std::nullopt;
  }
  return unused ? Outcome::acquired : Outcome::taken_over;
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
  // This one left it by an exception, and what it was writing may be half done.
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
    self.lock_looked_ns.store(clock_.monotonic_ns(), std::memory_order_release);
    const std::uint32_t seen = self.lock_word.load(std::memory_order_acquire);
    std::uint32_t word = control_.lock.load(std::memory_order_acquire);
    if (word == (mine_ | offered | contended)) {
      if (const auto taken = try_take(word)) {
        return *taken;
      }
      continue;
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
    MILLRACE_FAULT_POINT("lock.waits");
    region_.wait(futex_of(self.lock_word), seen, sleep_ns);
    if (self.lock_word.load(std::memory_order_acquire) != seen) {
      continue;
    }
    // When it fails, what is offered to us at this moment is taken back by another one that waits.
    MILLRACE_ASSIGN(const auto taken, take_from_holder(word | contended, watch));
    if (taken) {
      return *taken;
    }
  }
}

Result<std::optional<WriterLock::Outcome>> WriterLock::take_from_holder(std::uint32_t word,
                                                                        Watch& watch) {
  // Whether the holder lives is read from files of the directory, and a holder that saw the log
  // vanish leaves without giving the lock back.
  if (region_.replaced()) {
    return fail(errc::closed, "the log vanished or was replaced while its lock was waited for");
  }
  const std::uint32_t holder = (word & slot_mask) - 1;
  if (holder >= max_members) {
    return fail(errc::corrupt,
                "the control file gives the log's lock to a member that cannot be; stop all "
                "processes of this log and open it again");
  }
  const std::uint64_t progress = control_.progress.load(std::memory_order_relaxed);
  const std::uint32_t owner = word & ~(contended | offered);
  if (word_of(holder, control_.members[holder]) != owner ||
      !region_.alive(static_cast<int>(holder))) {
    return try_take(word);
  }
  const std::int64_t now = clock_.monotonic_ns();
  if (watch.holder != word || watch.progress != progress) {
    watch = {word, progress, now, 0};
    return std::nullopt;
  }
  // Time in which this process itself stood still counts little: the holder may have, too.
  watch.idle_ns += std::min(now - watch.looked_ns, longest_look_ns);
  watch.looked_ns = now;
  if ((word & offered) != 0) {
    return watch.idle_ns >= absent_after_ns ? try_take(word) : std::nullopt;
  }
  if (watch.idle_ns < stuck_ns_) {
    return std::nullopt;
  }
  MILLRACE_FAULT_POINT("lock.before_kill");
  MemberRow& row = control_.members[holder];
  const std::int64_t pid = std::atomic_ref(row.pid).load(std::memory_order_acquire);
  const std::uint64_t start_time = std::atomic_ref(row.start_time).load(std::memory_order_acquire);
  // Another member may have its slot by now, and holds nothing.
  if (word_of(holder, row) != owner || control_.lock.load(std::memory_order_acquire) != word) {
    watch = {};
    return std::nullopt;
  }
  if (auto killed = region_.kill(static_cast<int>(holder), pid, start_time); !killed) {
    return fail(errc::stuck_holder,
                "member '{}' (pid {}) holds the log's lock without progress: {}; end that process",
                row.name.view(), pid, killed.error().message());
  }
  // Whatever its slot looks like: a copy of its descriptors may still be open in a child.
  return try_take(word);
}

MemberRow* WriterLock::next_waiter(std::int64_t now, bool& starving, std::uint32_t& slot) {
  MemberRow* found = nullptr;
  std::int64_t oldest = now + 1;
  const std::uint32_t high = control_.members_high.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < high; ++i) {
    MemberRow& row = control_.members[i];
    const std::int64_t since = row.lock_wait_since_ns.load(std::memory_order_seq_cst);
    const bool looks = now - row.lock_looked_ns.load(std::memory_order_acquire) < absent_after_ns;
    if (since != 0 && since < oldest && looks &&
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
  control_.lock.store(starving ? word_of(slot, *next) | offered | contended : 0,
                      std::memory_order_seq_cst);
  if (next != nullptr) {
    next->lock_word.fetch_add(1, std::memory_order_release);
    region_.wake(futex_of(next->lock_word), 1);
  }
}

}  // namespace millrace::log::embedded
