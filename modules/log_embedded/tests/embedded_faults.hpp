// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string_view>

#include "embedded_world.hpp"
#include "millrace/base/die_at.hpp"

namespace millrace::log {

/// A simulated machine on which members die where a test plans it.
class EmbeddedFaults : public testing::Test {
 protected:
  void SetUp() override { former_ = set_fault_handler(nullptr); }
  void TearDown() override {
    forget_plan();
    set_fault_handler(former_);
  }
  void plan(std::string_view point, int nth) {
    forget_plan();
    death_.emplace(point, nth);
  }
  void forget_plan() { death_.reset(); }
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
  std::optional<DieAt> death_;
};

}  // namespace millrace::log
