// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "control.hpp"
#include "locked.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::log::embedded {

/// The lock under which members write. A free lock goes to the first member that comes; a member
/// that has waited for a millisecond is offered it next, in order of waiting, so that a bulk writer
/// cannot starve the others; an offer that is not taken at once goes to another one. The lock of a
/// dead holder is taken over; a living holder without progress is killed. Thread-safe: the threads
/// of a member take turns.
class WriterLock {
  enum class Outcome : std::uint8_t { acquired, taken_over };

 public:
  /// The lock, held by this thread until the value ends. Ended by an exception (a simulated death)
  /// it stays held for the others, as by a real death.
  class Held final : public Locked {
   public:
    Held(Held&& other) noexcept;
    ~Held();
    /// From a dead holder, or from ourselves after an exception: what was left half done must be
    /// repaired.
    [[nodiscard]] bool taken_over() const { return outcome_ == Outcome::taken_over; }

   private:
    friend class WriterLock;
    explicit Held(WriterLock& lock);

    WriterLock* lock_;
    std::optional<Outcome> outcome_;  // no value: only the turn among the threads is taken
    int unwinding_;
  };

  /// All outlive the lock. The slot is ours already, under its new generation.
  WriterLock(Control& control, SharedRegion& region, Clock& clock, int slot,
             std::int64_t stuck_holder_ms);

  /// errc::stuck_holder; closed when the log vanished or was replaced while the lock was waited
  /// for.
  [[nodiscard]] Result<Held> acquire();

 private:
  /// What the holder looked like when we last saw it move.
  struct Watch {
    std::uint32_t holder = 0;
    std::uint64_t progress = 0;
    std::int64_t looked_ns = 0;
    std::int64_t idle_ns = 0;  ///< for so long without a move
  };

  [[nodiscard]] Result<Outcome> acquire_shared();
  void release_shared();
  [[nodiscard]] bool try_free(std::uint32_t mark);
  /// Takes it when it still is `word`: from its holder, or from a member that it was offered.
  [[nodiscard]] std::optional<Outcome> try_take(std::uint32_t word);
  [[nodiscard]] Result<Outcome> acquire_slowly();
  [[nodiscard]] Result<std::optional<Outcome>> take_from_holder(std::uint32_t word, Watch& watch);
  [[nodiscard]] MemberRow* next_waiter(std::int64_t now, bool& starving, std::uint32_t& slot);

  Control& control_;
  SharedRegion& region_;
  Clock& clock_;
  int slot_;
  std::uint32_t mine_;  ///< the word of the lock while we hold it, but for the mark
  std::int64_t stuck_ns_;
  Mutex turn_;
};

}  // namespace millrace::log::embedded
