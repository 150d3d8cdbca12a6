// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "control.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::log::embedded {

/// The lock under which members write. A free lock goes to whoever comes; a member that has waited
/// for a millisecond is served next, in order of waiting, so that a bulk writer cannot starve the
/// others. The lock of a dead holder is taken over; a living holder without progress is killed. One
/// thread of a member uses it at a time.
class WriterLock {
 public:
  enum class Outcome : std::uint8_t {
    acquired,
    taken_over  ///< from a dead holder: what it left half done must be repaired
  };

  /// All outlive the lock. The slot is ours already, under its new generation.
  WriterLock(Control& control, SharedRegion& region, Clock& clock, int slot,
             std::int64_t stuck_holder_ms);

  /// errc::stuck_holder.
  [[nodiscard]] Result<Outcome> acquire();
  void release();

 private:
  /// What the holder looked like when we last saw it move.
  struct Watch {
    std::uint32_t holder = 0;
    std::uint64_t progress = 0;
    std::int64_t since_ns = 0;
    int rounds = 0;
  };

  [[nodiscard]] bool try_free(std::uint32_t mark);
  [[nodiscard]] Result<Outcome> acquire_slowly();
  [[nodiscard]] Result<bool> take_from_dead(std::uint32_t word, Watch& watch);
  [[nodiscard]] MemberRow* next_waiter(std::int64_t now, bool& starving, std::uint32_t& slot);

  Control& control_;
  SharedRegion& region_;
  Clock& clock_;
  int slot_;
  std::uint32_t mine_;  ///< the word of the lock while we hold it, but for the mark
  std::int64_t stuck_ns_;
};

}  // namespace millrace::log::embedded
