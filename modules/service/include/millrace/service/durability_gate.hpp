// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::service {

/// Delays responses until the log's durability policy is satisfied. One thread waits for all:
/// while one sync runs, responses that come meanwhile wait for the next. Thread-safe.
class DurabilityGate {
 public:
  /// `log` outlives the gate.
  explicit DurabilityGate(log::Log& log);
  /// Lets what is waiting pass or fail, then ends its thread.
  ~DurabilityGate();
  DurabilityGate(const DurabilityGate&) = delete;
  DurabilityGate& operator=(const DurabilityGate&) = delete;

  /// Calls `then` on the gate's thread once the position is safe, or with the error that says it
  /// never will be. `then` must be quick.
  void when_durable(log::LogPosition position, std::function<void(const Status&)> then);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::service
