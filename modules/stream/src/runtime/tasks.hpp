// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/membership.hpp"
#include "runtime/progress.hpp"
#include "runtime/task.hpp"

namespace millrace::stream::runtime {

/// The tasks of an instance, each from the grant of its claim to its loss: the memberships in the
/// groups of the sub-topologies say which they are. One thread, that of step(), except where said.
class Tasks {
 public:
  using List = std::vector<std::unique_ptr<Task>>;

  /// All outlive it.
  Tasks(Shared& shared, log::Waiter& waiter, Progress& progress);
  ~Tasks();

  /// Makes a member of each sub-topology that reads something.
  void open();
  /// Looks from time to time for inputs that do not exist yet; joins the groups of sub-topologies
  /// that have all of theirs. errc::bad_topology, also when partitions were added to an input;
  /// failures of the log.
  [[nodiscard]] Status look_for_topics(std::int64_t now_ns, StepResult& result);
  /// Asks the memberships from time to time what is granted, lost and asked back, and sees to it.
  /// `idle`: nothing was done in the last step. Between cycles, when everything that the tasks did
  /// is committed. Failures of the log.
  [[nodiscard]] Status poll(std::int64_t now_ns, bool idle, StepResult& result);
  /// The next poll() asks, whenever the last one was.
  void poll_soon() { polled_ns_ = -1; }
  /// A slice of the restores under way. Failures as Task::restore.
  [[nodiscard]] Status restore(StepResult& result);
  /// As after a crash: what the log has is what happened.
  void restart_all();

  /// Takes back what is not committed, in all tasks and in the transaction.
  void drop_all();
  [[nodiscard]] std::size_t uncommitted_work_items() const;

  /// Writes the snapshots that are due, and publishes those whose position is durable.
  void keep_snapshots(std::int64_t now_ns);
  /// Writes a snapshot of each task that changed, and returns when they are published. Failures of
  /// the log.
  [[nodiscard]] Status write_last_snapshots();
  /// Gives all tasks up and leaves the groups.
  void leave();

  [[nodiscard]] const std::vector<std::unique_ptr<SubTopologyMember>>& members() const {
    return members_;
  }
  /// Memberships were asked, so that it is known which tasks there are.
  [[nodiscard]] bool polled() const { return polled_ns_ >= 0; }
  /// A task was lost, and nobody has it since: neither this instance nor, as far as was seen,
  /// another one.
  [[nodiscard]] bool lost_without_owner() const { return !orphans_.empty(); }
  /// Tasks came or went since the last call.
  [[nodiscard]] bool take_changed();

  /// The stepping thread reads without the lock; others while they hold mutex() shared.
  [[nodiscard]] const List& list() const { return tasks_; }
  [[nodiscard]] SharedMutex& mutex() const { return mutex_; }

  /// Keeps the memberships alive while a handler works. Any thread, after open().
  void heartbeat();

 private:
  [[nodiscard]] Status apply(SubTopologyMember& member, const log::MembershipChange& change);
  void remove(const log::Claim& claim);
  [[nodiscard]] Status check_inputs(std::int64_t now_ns);
  void look_for_owners(std::int64_t now_ns);
  void read_ahead();

  Shared* shared_;
  log::Waiter* waiter_;
  Progress* progress_;
  std::vector<std::unique_ptr<SubTopologyMember>> members_;  // the same from open() on
  std::vector<log::Interest> interests_;
  std::int64_t looked_ns_ = -1;
  std::int64_t inputs_checked_ns_ = -1;
  std::int64_t polled_ns_ = -1;
  // Tasks that were lost, until somebody has them.
  std::set<std::pair<log::GroupId, std::string>> orphans_;
  std::int64_t owners_looked_ns_ = -1;
  bool changed_ = true;
  bool granted_ = false;  // tasks that are not restored may be of parts that were reset
  // Changed by the stepping thread, under the lock; that thread reads without.
  List tasks_;
  mutable SharedMutex mutex_;
};

}  // namespace millrace::stream::runtime
