// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// A sub-topology's place in an instance: first waiting for its topics, then a member of the group
/// `<service>/<sub-topology>` that shares its tasks. One thread, except for heartbeat().
class SubTopologyMember {
 public:
  SubTopologyMember(Shared& shared, const SubTopology& spec) : shared_(&shared), spec_(&spec) {}

  /// Looks for the input topics, and makes the changelogs when all are there. errc::bad_topology
  /// when their partition counts differ, else failures of the log, after which it may be called
  /// again.
  [[nodiscard]] Status look_for_topics();
  /// Once that has found them: makes the topic of input ranges and joins the group. Failures of the
  /// log, after which it may be called again.
  [[nodiscard]] Status join();
  /// Once joined: the inputs have as many partitions as it has tasks, and replays that it did not
  /// take when it began still cannot reach it. errc::bad_topology when partitions were added, which
  /// no task reads before all instances start again.
  [[nodiscard]] Status check_inputs() const;
  [[nodiscard]] bool may_join() const { return found_ != nullptr; }
  [[nodiscard]] bool joined() const { return membership_ != nullptr; }
  /// Inputs that did not exist when last looked for.
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }

  [[nodiscard]] Result<log::MembershipChange> poll() { return membership_->poll(); }
  [[nodiscard]] Status release(const log::Claim& claim) { return membership_->release(claim); }
  /// Keeps the claims alive while the stepping thread works. Any thread; waits for leave().
  void heartbeat();
  /// Leaves the group, which gives the claims back.
  void leave();
  /// Once joined. Its address stays.
  [[nodiscard]] const ResolvedSubTopology& resolved() const { return *resolved_; }
  [[nodiscard]] const SubTopology& spec() const { return *spec_; }

 private:
  [[nodiscard]] Status resolve(std::vector<InputTopic> inputs);
  void warn_of_replays(std::int32_t partitions) const;
  [[nodiscard]] std::int32_t changed_partitions(const log::Topic& topic) const;
  [[nodiscard]] Status check_partitions(const std::vector<InputTopic>& inputs) const;
  [[nodiscard]] Status make_changelogs(ResolvedSubTopology& resolved) const;
  [[nodiscard]] Result<log::Topic> make_changelog(const log::TopicSpec& spec,
                                                  const log::TopicSpec& input) const;
  [[nodiscard]] bool is_written_again(const log::TopicSpec& topic) const;
  [[nodiscard]] Status make_ranges(ResolvedSubTopology& resolved) const;

  Shared* shared_;
  const SubTopology* spec_;
  std::unique_ptr<ResolvedSubTopology> found_;  // to join with
  std::unique_ptr<ResolvedSubTopology> resolved_;
  // Changed by the stepping thread, under the lock; that thread reads without.
  std::unique_ptr<log::Membership> membership_;
  Mutex membership_mutex_;
  std::vector<std::string> missing_;
};

}  // namespace millrace::stream::runtime
