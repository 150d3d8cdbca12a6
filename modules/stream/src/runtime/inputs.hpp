// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/input.hpp"

namespace millrace::stream::runtime {

/// All partitions that a task reads: merged by the time of their heads, with their positions in the
/// log. One thread.
class Inputs {
 public:
  Inputs(const ResolvedSubTopology& resolved, log::PartitionId partition);

  /// Begins where the group's positions are. Failures of the log.
  [[nodiscard]] Status start(log::Log& log);
  /// A new turn: fetches where everything at hand is committed, up to what is committed now.
  /// Failures of the log.
  [[nodiscard]] Status fill(log::Log& log, std::size_t max_bytes);
  /// The input whose head goes next; null when nothing is at hand.
  [[nodiscard]] Input* choose();
  /// After a record of it the turn ends: it may have records that go before the heads of others.
  [[nodiscard]] bool is_behind(const Input& input) const {
    return input.starved() || input.behind(turn_);
  }
  /// Records were processed since the last commit.
  [[nodiscard]] bool moved() const;

  /// Sees to it that positions are committed which no record moves any more: those that passed
  /// over the last transaction's mark, and those that the log would forget. `idle`: this turn did
  /// nothing.
  void keep_positions(const log::Log& log, std::int64_t now_ns, bool idle);
  [[nodiscard]] bool positions_due() const { return positions_due_; }
  /// Adds the positions to the transaction.
  void stage(log::Transaction& transaction) const;
  void committed(std::int64_t now_ns);
  /// Forgets what was processed since the last commit, to process it again.
  void rewind();

  [[nodiscard]] const std::vector<Input>& list() const { return inputs_; }
  void add_interests(std::vector<log::Interest>& interests) const;
  void describe(InstanceStatus::Task& status) const;

 private:
  log::GroupId group_;
  std::vector<Input> inputs_;
  std::uint64_t turn_ = 0;
  bool positions_due_ = false;
  std::int64_t idle_since_ns_ = -1;
  std::int64_t positions_kept_ns_ = -1;  // when all of them were committed last; -1: not by us
};

}  // namespace millrace::stream::runtime
