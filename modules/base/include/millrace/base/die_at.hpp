// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "millrace/base/fault_point.hpp"

namespace millrace {

/// For tests of crashes: while it lives, the nth pass of a fault point throws a SimulatedDeath, or
/// sends a signal to the thread that passes. Other passes and other points do nothing. The passes
/// of all threads count. It takes the place of the fault handler: one at a time in a process, made
/// and destroyed while no other thread passes a fault point. Without effect in a build that has no
/// fault points (fault_points_compiled_in()).
///
///     const DieAt death("commit.before_frame", 2);
///     EXPECT_THROW(write(log), SimulatedDeath);
class DieAt {
 public:
  /// `nth` counts from 1. `signal`: sent in place of the exception, such as SIGKILL; 0: none.
  explicit DieAt(std::string_view point, int nth = 1, int signal = 0);
  /// Puts the fault handler back that was there before.
  ~DieAt();
  DieAt(const DieAt&) = delete;
  DieAt& operator=(const DieAt&) = delete;

  /// The nth pass took place. Any thread.
  [[nodiscard]] bool happened() const { return passes_left_ <= 0; }

 private:
  static void pass(std::string_view point);
  static std::atomic<DieAt*> current;

  const std::string point_;
  const int signal_;
  std::atomic<int> passes_left_;
  FaultHandler former_;
};

}  // namespace millrace
