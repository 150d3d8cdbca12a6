// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/earlier_ranges.hpp"
#include "runtime/input.hpp"
#include "runtime/range_recorder.hpp"

namespace millrace::stream::runtime {

/// All partitions that a task reads: merged by the time of their heads, with their positions in the
/// log. How long a head waits for other inputs is bounded by max_task_idle_ms and
/// max_catch_up_wait_ms of the options. What was taken in another order than that of time is noted
/// with the commit; a part that is rebuilt takes its inputs as the one before did. One thread.
class Inputs {
 public:
  Inputs(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition);

  /// Begins where the group's positions are. Failures of the log, and log::errc::out_of_range when
  /// it removed records of a repartition that the part is to read; errc::topology_changed when the
  /// part was reset.
  [[nodiscard]] Status start();
  /// A new turn: fetches where everything at hand is committed, up to what is committed now, and
  /// finds out what waits for what. Failures of the log.
  [[nodiscard]] Status fill();
  /// The input whose head goes next; null when nothing is at hand, or that waits.
  [[nodiscard]] Input* choose();
  /// The head of an input that choose() returned was processed.
  void take(Input& input) {
    if (recorder_) recorder_->take(input);
    input.take();
  }
  /// After a record of it the turn ends: it may have records that go before the heads of others.
  [[nodiscard]] bool is_behind(const Input& input) const {
    return input.head() == nullptr &&
           (input.starved() || input.filled_before(turn_) || max_idle_ns_ > 0);
  }
  /// What is at hand waits for an empty input, until then (Clock::monotonic_ns).
  [[nodiscard]] std::optional<std::int64_t> held_until_ns() const { return held_until_ns_; }
  /// Records were processed since the last commit, or the inputs of an earlier part are all taken.
  [[nodiscard]] bool moved() const;

  /// Sees to it that positions are committed which no record moves any more: those that passed
  /// over the last transaction's marker, and those that the log would forget. `idle`: this turn did
  /// nothing.
  void keep_positions(std::int64_t now_ns, bool idle);
  [[nodiscard]] bool positions_due() const { return positions_due_; }
  /// This turn passed over ranges that are taken already, and more of them follow.
  [[nodiscard]] bool passes() const { return passes_; }
  /// More is not to be taken before a commit.
  [[nodiscard]] bool full() const { return recorder_ && recorder_->full(); }
  /// What stage() adds to the transaction beside positions, at most.
  [[nodiscard]] std::size_t bytes_max() const { return recorder_ ? recorder_->bytes_max() : 0; }
  /// stage() adds ranges noted, or how far it is in those of a part before.
  [[nodiscard]] bool stages_ranges() const;
  /// Adds the positions, and the ranges noted, to the transaction; no ranges when the instance
  /// tries without them.
  void stage(log::Transaction& transaction, std::int64_t time_ms) const;
  /// Gives up the ranges that the instance tried without.
  void committed(std::int64_t now_ns);
  /// Forgets what was processed since the last commit, to process it again.
  void rewind();

  [[nodiscard]] const std::vector<Input>& list() const { return inputs_; }
  void add_interests(std::vector<log::Interest>& interests) const;
  void describe(InstanceStatus::Task& status) const;

 private:
  [[nodiscard]] std::string ranges_topic() const;
  [[nodiscard]] Input* first_by_time();
  [[nodiscard]] Error removed_error(const Input& input, std::optional<log::Offset> position,
                                    log::Offset start) const;
  void give_up_ranges(const Error& error);
  [[nodiscard]] Status fill_earlier();
  [[nodiscard]] Input* choose_as_before();
  [[nodiscard]] bool has_reached(const Input& input, log::Offset end) const;
  void wait_for_empty(std::int64_t now_ns);
  void find_overdue(std::int64_t now_ns);

  Shared* shared_;
  std::int64_t max_idle_ns_;
  std::int64_t max_catch_up_ns_;
  log::GroupId group_;
  const ResolvedSubTopology* resolved_;
  log::PartitionId partition_;
  std::vector<Input> inputs_;
  std::optional<RangeRecorder> recorder_;
  std::unique_ptr<EarlierRanges> earlier_;  // null: no part was reset before
  bool follows_ = false;                    // not all of that was taken and committed
  bool passes_ = false;
  std::uint64_t turn_ = 0;
  Input* overdue_ = nullptr;  // goes first in this turn, whatever the time of its head
  // Since when heads wait for an empty input, -1: they do not; and until when they do.
  std::int64_t waits_since_ns_ = -1;
  std::optional<std::int64_t> held_until_ns_;
  bool gave_up_ = false;  // the wait passed; nobody waits again before the inputs have records
  bool positions_due_ = false;
  std::int64_t idle_since_ns_ = -1;
  std::int64_t positions_kept_ns_ = -1;  // when all of them were committed last; -1: not by us
};

}  // namespace millrace::stream::runtime
