// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "millrace/base/clock.hpp"

namespace millrace::stream::runtime {

/// When an instance last got on. The stepping thread says so, any thread may ask.
class Progress {
 public:
  explicit Progress(Clock& clock) : clock_(&clock) {}

  /// Something was committed or restored, or there is nothing to do.
  void made() { made_ns_ = clock_->monotonic_ns(); }
  /// A step ended.
  void stepped() { stepped_ns_ = clock_->monotonic_ns(); }

  /// As InstanceStatus::ms_since_progress.
  [[nodiscard]] std::int64_t ms_since() const {
    return (clock_->monotonic_ns() - made_ns_) / 1'000'000;
  }
  /// The end of the last step.
  [[nodiscard]] std::int64_t stepped_ns() const { return stepped_ns_; }

 private:
  Clock* clock_;
  std::atomic<std::int64_t> made_ns_ = 0;
  std::atomic<std::int64_t> stepped_ns_ = 0;
};

}  // namespace millrace::stream::runtime
