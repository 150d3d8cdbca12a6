// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/instance.hpp"
#include "runtime/cycle.hpp"
#include "runtime/progress.hpp"
#include "runtime/queries.hpp"
#include "runtime/status_board.hpp"
#include "runtime/tasks.hpp"

namespace millrace::stream {

/// The instance behind its face: makes the topics and wires tasks, cycle, status and queries.
/// step(), wait() and close() by one thread; maintain(), reads and status by any.
class Instance::Worker {
 public:
  Worker(log::Log& log, Topology topology, InstanceOptions options, Environment environment);

  [[nodiscard]] Status open();
  [[nodiscard]] Result<StepResult> step();
  void wait(const StepResult& last);
  void interrupt() { waiter_->interrupt(); }
  [[nodiscard]] Status close();
  void maintain();

  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] const runtime::StatusBoard& board() const { return board_; }
  [[nodiscard]] std::vector<UnknownTypeCount> unknown_types() const {
    return shared_.unknown_types.counts();
  }
  [[nodiscard]] const runtime::Queries& queries() const { return queries_; }

 private:
  [[nodiscard]] Status make_topics();
  [[nodiscard]] Result<log::Topic> make_own_topic(const log::TopicSpec& spec);
  [[nodiscard]] Status keep_for_shadow(const log::Topic& topic);
  [[nodiscard]] Result<StepResult> do_step();
  [[nodiscard]] Status wait_if_unavailable(Status done, StepResult& result);
  void end_passed_positions(std::int64_t now_ns);
  [[nodiscard]] std::int64_t wake_at(std::int64_t now_ns) const;

  Topology topology_;
  InstanceOptions options_;
  Environment environment_;
  runtime::Shared shared_;
  std::unique_ptr<log::Waiter> waiter_;
  std::vector<log::Interest> interests_;
  runtime::Progress progress_;
  runtime::Tasks tasks_;
  runtime::Cycle cycle_;
  runtime::StatusBoard board_;
  runtime::Queries queries_;

  std::optional<Error> ended_;
  /// When positions of earlier parts are looked at next; no value: none are left.
  std::optional<std::int64_t> passed_due_ns_ = 0;
  bool idle_ = true;  // nothing was done in the last step
};

}  // namespace millrace::stream
