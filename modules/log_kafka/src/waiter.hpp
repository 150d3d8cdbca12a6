// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>

#include "kafka_log.hpp"

namespace millrace::log::kafka {

class KafkaWaiter final : public Waiter {
 public:
  explicit KafkaWaiter(KafkaLog& log) : log_(log) {}
  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override;
  void interrupt() override;

 private:
  KafkaLog& log_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace millrace::log::kafka
