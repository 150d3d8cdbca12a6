// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "millrace/base/fault_point.hpp"

namespace millrace {

/// For crash tests. While the object lives, the nth pass of a fault point throws a SimulatedDeath,
/// or sends a signal to the thread that passes the point. Other passes and other points have no
/// effect. The passes of all threads are counted together. It replaces the fault handler, so only
/// one object may exist in a process, and it must be created and destroyed while no other thread
/// passes a fault point. It has no effect in a build without fault points
/// (fault_points_compiled_in()).
///
///     const DieAt death("commit.before_frame", 2);
///     EXPECT_THROW(write(log), SimulatedDeath);
class DieAt {
 public:
  /// `nth` counts from 1. `signal` is sent instead of the exception, for example SIGKILL; 0: the
  /// exception is thrown.
  explicit DieAt(std::string_view point, int nth = 1, int signal = 0);
  /// Restores the previous fault handler.
  ~DieAt();
  DieAt(const DieAt&) = delete;
  DieAt& operator=(const DieAt&) = delete;

  /// True after the nth pass. Any thread.
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
