// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <atomic>
#include <cstddef>

#include "millrace/telemetry/metrics.hpp"

namespace millrace::http {

/// Memory for the bodies of all requests of a server. Thread-safe.
class BodyBudget {
 public:
  /// `used` shows what is taken; it outlives the budget.
  BodyBudget(std::size_t max_bytes, telemetry::Gauge& used) : max_bytes_(max_bytes), used_(used) {}

  /// False: there is not as much left, and nothing was taken.
  [[nodiscard]] bool take(std::size_t bytes);
  void give_back(std::size_t bytes);
  [[nodiscard]] std::size_t left() const { return max_bytes_ - taken_.load(); }

 private:
  const std::size_t max_bytes_;
  std::atomic<std::size_t> taken_{0};
  telemetry::Gauge& used_;
};

/// What one request's body takes of a budget; given back when this ends. Not thread-safe.
class BodyShare {
 public:
  /// A body of this size is not counted: the number of connections bounds it.
  static constexpr std::size_t free_bytes = 16UL * 1024;

  explicit BodyShare(BodyBudget& budget) : budget_(budget) {}
  ~BodyShare() { release(); }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  /// Whether a body of `bytes` would fit now, so that it need not be read in vain.
  [[nodiscard]] bool may_fit(std::size_t bytes) const;
  /// Makes it the share of a body that takes `bytes` of memory. False: the budget is used up.
  [[nodiscard]] bool grow_to(std::size_t bytes);
  void release();

 private:
  BodyBudget& budget_;
  std::size_t bytes_ = 0;
};

}  // namespace millrace::http
