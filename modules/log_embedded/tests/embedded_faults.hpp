// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "embedded_world.hpp"
#include "millrace/base/fault_point.hpp"

namespace millrace::log {

inline std::string_view deadly_point;
inline int passes_left = 0;

inline void die_there(std::string_view point) {
  if (point == deadly_point && --passes_left == 0) {
    deadly_point = "";
    throw SimulatedDeath{point};
  }
}

/// A simulated machine on which members die where a test plans it.
class EmbeddedFaults : public testing::Test {
 protected:
  void SetUp() override { former_ = set_fault_handler(die_there); }
  void TearDown() override {
    deadly_point = "";
    set_fault_handler(former_);
  }
  static void plan(std::string_view point, int nth) {
    deadly_point = point;
    passes_left = nth;
  }
  /// Runs until the member dies of the plan; true when it did.
  template <class Run>
  static bool dies(Log& log, Run run) {
    try {
      run();
    } catch (const SimulatedDeath&) {
      abandon(log);
      return true;
    }
    return false;
  }

  SimulatedMachine machine_;
  FaultHandler former_ = nullptr;
};

}  // namespace millrace::log
