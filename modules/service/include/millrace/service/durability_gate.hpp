// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::service {

/// Delays responses until the durability policy of the log is satisfied. One thread waits for all
/// of them: responses that come during a sync wait for the next one. Thread-safe.
class DurabilityGate {
 public:
  /// `log` must outlive the gate.
  explicit DurabilityGate(log::Log& log);
  /// Waits until all pending responses have passed or failed, then ends its thread.
  ~DurabilityGate();
  DurabilityGate(const DurabilityGate&) = delete;
  DurabilityGate& operator=(const DurabilityGate&) = delete;

  /// Calls `then` in the thread of the gate when the position is durable, or with an error when it
  /// will never be durable. `then` must be quick.
  void when_durable(log::LogPosition position, std::function<void(const Status&)> then);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::service
