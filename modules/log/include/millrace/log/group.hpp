// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::log {

/// The changes for a member since its last poll().
struct MembershipChange {
  std::vector<Claim> granted;     ///< the member has these claims from now on
  std::vector<Claim> asked_back;  ///< the member still has these claims; it commits, then releases
                                  ///< them for other members
  std::vector<Claim>
      lost;  ///< the member does not have these claims any more; commits under them are refused
  [[nodiscard]] bool empty() const { return granted.empty() && asked_back.empty() && lost.empty(); }
};

/// A member of a group. The members share the tasks of the group equally, and a task stays with its
/// member if possible. The destructor releases the claims. Only one thread at a time may use it,
/// except for heartbeat().
class Membership {
 public:
  virtual ~Membership() = default;
  /// Sends a heartbeat and returns the changes. Call it at least every second: a member that is
  /// silent for longer than the session timeout loses its claims.
  [[nodiscard]] virtual Result<MembershipChange> poll() = 0;
  /// Sends a heartbeat. Changes are returned by poll() only. Any thread may call it at any time,
  /// also during poll() and release(): housekeeping calls it about ten times a second while the
  /// polling thread works. It cannot renew a session that has expired; the next poll() returns the
  /// claims that were lost. Errors are those of poll(), but an unreachable cluster is no error.
  [[nodiscard]] virtual Status heartbeat() = 0;
  /// Releases a task; other members may get it at once.
  [[nodiscard]] virtual Status release(const Claim& claim) = 0;
};

/// A group with its members, tasks and positions, for people and tools.
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
    std::int64_t session_ms = 0;  ///< a member that is silent for longer loses its claims
  };
  GroupId id;
  std::string name;
  std::vector<Member> members;
  std::vector<Task> tasks;
  std::vector<Position> positions;
};

}  // namespace millrace::log
