// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/failures.hpp"
#include "runtime/in_hand.hpp"
#include "runtime/inputs.hpp"
#include "runtime/nodes.hpp"
#include "runtime/punctuators.hpp"
#include "runtime/restore.hpp"
#include "runtime/snapshot_schedule.hpp"
#include "runtime/staging.hpp"
#include "runtime/state_record.hpp"
#include "runtime/sweeps.hpp"
#include "runtime/task_calls.hpp"

namespace millrace::stream::runtime {

/// How a task's turn in a cycle went.
enum class Turn : std::uint8_t {
  idle,    ///< nothing to do
  worked,  ///< it may have something to commit
  full     ///< what comes next has no room beside what the cycle has: commit first
};

/// One sub-topology for one partition. Restored first, then run by turns; a turn takes work items,
/// which are records and firings of timers, one after another in hand. A work item that fails is
/// taken back alone. What a turn did becomes real by stage() and committed(), or is taken back by
/// drop(). One thread, that of step(); what says so is open to any.
class Task {
 public:
  Task(Shared& shared, const ResolvedSubTopology& resolved, log::Claim claim,
       log::PartitionId partition);
  ~Task();

  /// Forgets everything: begin_restore() comes next. Also when what was committed is not known.
  [[nodiscard]] Nodes::List restart();
  /// Finds out what there is to restore, unless that is known. Failures of the log, after which it
  /// may be called again.
  [[nodiscard]] Status begin_restore();
  /// Restores about that much; true when the task may run. Failures as begin_restore();
  /// errc::handler_failed when a node cannot be opened.
  [[nodiscard]] Result<bool> restore(std::size_t max_bytes);

  /// Fires what is due and processes what is there: `max_work_items` firings and records at most,
  /// the rest in the next turn and in the same order. Failures of the log, or of a handler whose
  /// policy is to fail.
  [[nodiscard]] Result<Turn> run(std::size_t max_work_items);
  /// There is something to commit. Firings without effect alone are not: they are journaled with
  /// the next commit.
  [[nodiscard]] bool has_work() const;
  /// Adds state changes, positions and claim to the transaction.
  void stage();
  /// stage() adds ranges of inputs, or how far it is in those of a part before.
  [[nodiscard]] bool stages_ranges() const { return inputs_.stages_ranges(); }
  void committed(const log::Committed& committed);
  void drop();
  /// Sees to it that what nothing moves is committed all the same: positions and due times. `idle`:
  /// this turn did nothing.
  void keep_positions(std::int64_t now_ns, bool idle);
  /// What it adds to a commit beside outputs and state changes, at most.
  [[nodiscard]] std::size_t state_bytes_max() const {
    return state_.bytes_max() + inputs_.bytes_max();
  }
  /// Records processed and timers fired since the last commit.
  [[nodiscard]] std::size_t uncommitted_work_items() const {
    return uncommitted_records_ + uncommitted_firings_;
  }
  /// The one work item since the last commit was refused by the log: it is treated as one whose
  /// handler failed.
  void blame_last(const Error& error) { failures_.blame(last_work_item_, error); }

  /// Writes a snapshot aside when it is due (or asked for) and something changed;
  /// publish_snapshot() publishes it when its position is durable.
  void keep_snapshot(std::int64_t now_ns, bool now_or_never);
  [[nodiscard]] std::optional<log::LogPosition> unpublished_snapshot() const {
    return snapshots_.waiting();
  }
  void publish_snapshot(log::LogPosition durable) { snapshots_.publish(durable); }

  [[nodiscard]] const log::Claim& claim() const { return claim_; }
  [[nodiscard]] const ResolvedSubTopology& resolved() const { return *resolved_; }
  /// Adds the partitions that it reads next.
  void add_interests(std::vector<log::Interest>& interests) const;
  [[nodiscard]] std::optional<std::int64_t> next_wall_ms() const {
    return punctuators_.next_wall_ms();
  }
  /// As Inputs::held_until_ns.
  [[nodiscard]] std::optional<std::int64_t> held_until_ns() const {
    return inputs_.held_until_ns();
  }
  void describe(InstanceStatus::Task& status) const;
  /// Where its inputs are to be processed next; between cycles that is committed.
  [[nodiscard]] std::vector<log::Interest> reached() const;

  // Any thread, while the task lives.
  [[nodiscard]] log::PartitionId partition() const { return partition_; }
  [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }
  [[nodiscard]] const StagedStore* find_store(StoreId id) const {
    return staging_.stores().find(id);
  }
  /// As InstanceStatus::Task::in_hand.
  [[nodiscard]] std::string in_hand() const { return hand_.shown(inputs_.list()); }
  /// Event time of the first record read and not committed; -1: there is none.
  [[nodiscard]] std::int64_t oldest_ms() const { return oldest_ms_; }
  /// The last commit that the stores reflect, or a later one.
  [[nodiscard]] log::LogPosition position() const;

 private:
  using Work = std::function<std::optional<Failure>()>;

  [[nodiscard]] Result<bool> fire_due(PunctuationType type, std::int64_t now_ms,
                                      std::size_t max_work_items);
  [[nodiscard]] Result<bool> fire(Punctuators::Timer& timer, std::int64_t now_ms);
  [[nodiscard]] Result<bool> sweep_part(Punctuators::Timer& timer, std::int64_t now_ms,
                                        std::size_t max_work_items);
  [[nodiscard]] Result<bool> visit(Punctuators::Timer& timer, const std::string& key,
                                   std::int64_t now_ms);
  void take_in_hand(const Punctuators::Timer& timer, std::int64_t now_ms,
                    const std::string* visited = nullptr);
  [[nodiscard]] Result<bool> fire_stream_timers(std::size_t max_work_items);
  [[nodiscard]] Result<bool> process_records(std::size_t max_work_items);
  [[nodiscard]] std::optional<Failure> process_record();
  [[nodiscard]] Result<bool> run_work_item(const Work& work);
  [[nodiscard]] std::optional<Failure> attempt(const Work& work);
  /// The task has done its share of the cycle: at least one work item, if there was one.
  [[nodiscard]] bool turn_ends(std::size_t max_work_items) const;
  void forget_turn();
  void keep_table_positions();
  [[nodiscard]] std::int64_t wall_ms() const { return shared_->environment.clock.wall_ms(); }
  void set_position(log::LogPosition position);
  void publish_oldest();

  Shared* shared_;
  const ResolvedSubTopology* resolved_;
  log::Claim claim_;
  log::PartitionId partition_;
  SnapshotSchedule snapshots_;
  std::unique_ptr<Restore> restore_;
  Punctuators punctuators_;
  OperatorTimes operator_times_;
  StateRecord state_;
  Nodes nodes_;
  Inputs inputs_;
  Staging staging_;
  Sweeps sweeps_;
  Failures failures_;
  InHand hand_;
  TaskCalls calls_;
  WorkItemId last_work_item_;
  Work record_work_;

  std::size_t turn_work_items_ = 0;  // of the turn under way
  std::size_t uncommitted_records_ = 0;
  std::size_t uncommitted_firings_ = 0;  // those that had an effect, or came with records
  // Wall time before the commit under way, and before the last one: until then nobody else could
  // change the state.
  std::int64_t staged_ms_ = 0;
  std::int64_t as_of_ms_ = 0;

  std::atomic<std::int64_t> oldest_ms_ = -1;
  std::atomic<bool> ready_ = false;
  mutable Mutex position_mutex_;
  log::LogPosition position_ MILLRACE_GUARDED_BY(position_mutex_);
};

}  // namespace millrace::stream::runtime
