// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>

#include "millrace/log/log.hpp"
#include "reader.hpp"
#include "state_log.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

/// Sleeps until the reader has something new. One thread, except for interrupt().
class KafkaWaiter final : public Waiter {
 public:
  /// The parts of the handle and its clock outlive it.
  KafkaWaiter(const StateLog& state, Topics& topics, Reader& reader, Clock& clock)
      : state_(state), topics_(topics), reader_(reader), clock_(clock) {}
  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override;
  void interrupt() override;

 private:
  const StateLog& state_;
  Topics& topics_;
  Reader& reader_;
  Clock& clock_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace millrace::log::kafka
