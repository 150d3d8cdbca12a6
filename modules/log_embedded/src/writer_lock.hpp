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

/// The lock under which members write. The first member that comes gets a free lock. When a member
/// has waited for a millisecond, the lock is offered to it next, in the order of waiting, so that a
/// bulk writer cannot starve the others. An offer that is not taken at once goes to another member.
/// The lock of a dead holder is taken over. A living holder without progress is killed.
/// Thread-safe: the threads of a member take turns.
class WriterLock {
  enum class Outcome : std::uint8_t { acquired, taken_over };

 public:
  /// The lock, which this thread holds until the value is destroyed. When an exception (a simulated
  /// death) destroys the value, the lock stays held for other members, as after a real death.
  class Held final : public Locked {
   public:
    Held(Held&& other) noexcept;
    ~Held();
    /// True if the lock came from a dead holder, or from ourselves after an exception: unfinished
    /// work must be repaired.
    [[nodiscard]] bool taken_over() const { return outcome_ == Outcome::taken_over; }

   private:
    friend class WriterLock;
    explicit Held(WriterLock& lock);

    WriterLock* lock_;
    std::optional<Outcome> outcome_;  // no value: only the turn among the threads is taken
    int unwinding_;
  };

  /// All arguments must outlive the lock. This member must have its slot already, under its new
  /// generation.
  WriterLock(Control& control, SharedRegion& region, Clock& clock, int slot,
             std::int64_t stuck_holder_ms);

  /// errc::stuck_holder; closed when the log vanished or was replaced during the wait.
  [[nodiscard]] Result<Held> acquire();

 private:
  /// The state of the holder when we last saw progress.
  struct Watch {
    std::uint32_t holder = 0;
    std::uint64_t progress = 0;
    std::int64_t looked_ns = 0;
    std::int64_t idle_ns = 0;  ///< time without progress
  };

  [[nodiscard]] Result<Outcome> acquire_shared();
  void release_shared();
  [[nodiscard]] bool try_free(std::uint32_t mark);
  /// Takes the lock if its word is still `word`: from its holder, or from a member to which it was
  /// offered.
  [[nodiscard]] std::optional<Outcome> try_take(std::uint32_t word);
  [[nodiscard]] Result<Outcome> acquire_slowly();
  [[nodiscard]] Result<std::optional<Outcome>> take_from_holder(std::uint32_t word, Watch& watch);
  [[nodiscard]] MemberRow* next_waiter(std::int64_t now, bool& starving, std::uint32_t& slot);

  Control& control_;
  SharedRegion& region_;
  Clock& clock_;
  int slot_;
  std::uint32_t mine_;  ///< the word of the lock while we hold it, without the mark
  std::int64_t stuck_ns_;
  Mutex turn_;
};

}  // namespace millrace::log::embedded
