// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "member.hpp"

namespace millrace::log::embedded {

/// Sleeps on its own word in shared memory.
class EmbeddedWaiter final : public Waiter {
 public:
  explicit EmbeddedWaiter(Member& log);
  ~EmbeddedWaiter() override;
  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override;
  void interrupt() override;

 private:
  [[nodiscard]] bool has_news(std::span<const Interest> interests);
  /// False when some of the topics do not exist yet; then new topics also wake the waiter.
  [[nodiscard]] bool show_interests(std::span<const Interest> interests);
  [[nodiscard]] bool sleep_once(std::span<const Interest> interests, std::int64_t deadline_ns,
                                std::uint64_t alarms, WaitOutcome& outcome);

  Member& log_;
  int row_ = -1;  // -1: all rows are taken, then it looks again and again
  std::uint32_t own_word_ = 0;
  std::vector<TopicPartition> shown_;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace millrace::log::embedded
