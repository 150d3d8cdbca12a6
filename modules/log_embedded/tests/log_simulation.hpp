// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>

#include "log_simulation_topics.hpp"

namespace millrace::log {

/// Members that write, take tasks, delete topics, settle, clean, read and die, in an order that a
/// seed decides.
class LogSimulation : public LogSimulationTopics {
 protected:
  /// One thing that a member does, or that happens to one.
  void step();
  /// Everybody leaves; the log is whole.
  void end();

 private:
  void write_some(SimulatedMember& one);
  void keep(SimulatedMember& one);
  void poll(SimulatedMember& one);
  void check_all(Log& log);
  /// One of the next calls of the file system.
  void fail_a_call(SimulatedMember& one);
  /// It writes, changes topics or keeps house while all syncs fail.
  void lose_syncs(SimulatedMember& one);
  void fill_disk();
  void run_until_death(SimulatedMember& one, const std::function<void()>& work);
};

}  // namespace millrace::log
