// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "millrace/base/mutex.hpp"

namespace millrace::http {

/// The slots for requests that are worked on, and the line of those that wait for one. A slot
/// that becomes free goes to the request that has waited longest: nobody overtakes. Both are
/// bounded. Thread-safe.
class Admission {
 public:
  enum class Outcome : unsigned char {
    taken,    ///< has a slot: leave() is owed
    waiting,  ///< stands in line: its turn will be called, unless withdraw() comes first
    refused   ///< the line is full
  };
  struct Entered {
    Outcome outcome;
    std::uint64_t ticket;  ///< of one that waits
  };
  /// Called on the thread of a leave(); hands the slot over to its next owner, which owes a
  /// leave() whether it still has use for it or not. Must not call back.
  using Turn = std::function<void()>;

  Admission(std::size_t slots, std::size_t max_waiting)
      : slots_(slots), max_waiting_(max_waiting) {}

  /// Takes a slot if one is free. leave() is owed then.
  [[nodiscard]] bool take();
  /// Takes a slot, or stands in line behind all others.
  [[nodiscard]] Entered enter(Turn turn);
  /// Gives a slot back, or on to the first in line.
  void leave();
  /// Leaves the line. False: its turn has been called, the slot is on its way.
  bool withdraw(std::uint64_t ticket);

  /// From now on nobody's turn is called.
  void close();

  [[nodiscard]] std::size_t taken() const;

 private:
  mutable Mutex mutex_;
  const std::size_t slots_;
  const std::size_t max_waiting_;
  std::size_t taken_ MILLRACE_GUARDED_BY(mutex_) = 0;
  bool closed_ MILLRACE_GUARDED_BY(mutex_) = false;
  std::uint64_t next_ticket_ MILLRACE_GUARDED_BY(mutex_) = 1;
  std::map<std::uint64_t, Turn> line_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::http
