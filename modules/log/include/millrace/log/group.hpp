// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::log {

/// What changed for a member since it last polled.
struct MembershipChange {
  std::vector<Claim> granted;  ///< ours from now on
  std::vector<Claim>
      asked_back;  ///< still ours: commit, then release them so that others get their share
  std::vector<Claim> lost;  ///< no longer ours; commits under them are refused
  [[nodiscard]] bool empty() const { return granted.empty() && asked_back.empty() && lost.empty(); }
};

/// A member of a group: shares the group's tasks with the others, fairly and stickily.
/// Destroying it releases its claims. One thread at a time, except for heartbeat().
class Membership {
 public:
  virtual ~Membership() = default;
  /// Sends a heartbeat, and returns what changed. Call at least every second: a
  /// member that misses its session time-out loses its claims.
  [[nodiscard]] virtual Result<MembershipChange> poll() = 0;
  /// Sends a heartbeat, and nothing more: poll() returns what changed. Any
  /// thread, at any time, also during poll() and release(): housekeeping calls it some ten times a
  /// second while the polling thread works. A session that ran out already is not renewed; the next
  /// poll() returns what was lost with it. Failures as poll(); an unreachable cluster is none.
  [[nodiscard]] virtual Status heartbeat() = 0;
  /// Gives a task back; others may take it at once.
  [[nodiscard]] virtual Status release(const Claim& claim) = 0;
};

/// For people and tools.
struct GroupInfo {
  struct Task {
    std::string name;
    std::string member;  ///< empty: no member has it
    std::uint64_t epoch = 0;
  };
  struct Position {
    TopicPartition partition;
    Offset next;
  };
  struct Member {
    std::string name;
    std::int64_t pid = 0;
    std::int64_t heartbeat_age_ms = 0;
    std::int64_t session_ms = 0;  ///< silent for longer, it loses its claims
  };
  GroupId id;
  std::string name;
  std::vector<Member> members;
  std::vector<Task> tasks;
  std::vector<Position> positions;
};

}  // namespace millrace::log
