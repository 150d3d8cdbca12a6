// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// The shared store behind memory logs: one process, deterministic, for tests, simulations and
/// examples. Handles of one broker are members of one log. Thread-safe; handles keep it alive.
class MemoryBroker {
 public:
  /// `clock` must outlive the broker. With `simulated`, waits never sleep.
  MemoryBroker(Clock& clock, bool simulated);
  ~MemoryBroker();

  [[nodiscard]] std::unique_ptr<Log> connect(LogOptions options);

  /// With manual durability, commits become durable only when make_durable() is called, and
  /// wait_durable() waits for it. Off at first.
  void set_manual_durability(bool manual);
  void make_durable();
  /// The next `times` commits fail with this code before anything is written.
  void fail_commits(ErrorCode code, int times);
  /// The member's process dies: its claims are freed, its later calls return errc::closed.
  void kill_member(Log& handle);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::log
