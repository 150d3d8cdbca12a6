// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// A memory log lives as long as its process: there is no second incarnation.
inline constexpr std::uint32_t memory_incarnation = 1;

/// The groups of a memory log: their positions, members, tasks and claims. A handle of the log is
/// known by its options, which outlive its members here. Not thread-safe.
class MemoryGroups {
 public:
  /// `clock` outlives the groups.
  explicit MemoryGroups(Clock& clock) : clock_(clock) {}

  [[nodiscard]] Result<GroupId> find_or_make(std::string_view name);
  /// errc::not_found.
  [[nodiscard]] Status check(GroupId id) const;
  [[nodiscard]] std::optional<Offset> position(GroupId id, TopicPartition partition) const;
  void set_position(GroupId id, TopicPartition partition, Offset next);
  /// Of all groups, in the topic.
  void remove_positions(TopicId topic);

  /// The number of a new member; add() makes it one.
  [[nodiscard]] std::uint64_t next_member() { return ++last_member_; }
  /// Adds the member, or notes that it still polls.
  void add(GroupId id, std::uint64_t member, const LogOptions& handle,
           const std::set<std::string>& tasks);
  /// Renews the session of a member, unless it has run out.
  void renew(GroupId id, std::uint64_t member);
  void remove(GroupId id, std::uint64_t member);
  void remove_all_of(const LogOptions& handle);
  /// Removes the members that were silent for their session time-out.
  void expire();

  /// The claim is the last one that was granted of its task, and was not given back.
  [[nodiscard]] bool holds(const Claim& claim) const;
  void free_task(const Claim& claim);
  /// Grants `member` what it may have now and says which of its tasks are wanted back.
  [[nodiscard]] MembershipChange share(GroupId id, std::uint64_t member);
  [[nodiscard]] std::vector<GroupInfo> describe() const;

 private:
  struct Task {
    GroupId group;
    std::string name;
    std::uint64_t member = 0;  // 0: free
    std::uint64_t number = 0;  // of the last grant
  };
  struct Member {
    const LogOptions* handle = nullptr;
    std::set<std::string> tasks;
    std::int64_t heartbeat_ns = 0;
  };
  struct Group {
    std::string name;
    std::map<TopicPartition, Offset> positions;
    std::map<std::string, std::size_t> tasks;  // by name: index in tasks_
    std::map<std::uint64_t, Member> members;   // by age
  };

  [[nodiscard]] Group& at(GroupId id) { return groups_[static_cast<std::size_t>(id.value)]; }
  [[nodiscard]] Claim claim_of(std::size_t task) const;
  template <class Gone>
  void remove_if(Gone gone);

  Clock& clock_;
  std::deque<Group> groups_;  // by id
  std::deque<Task> tasks_;
  std::uint64_t last_member_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace millrace::log
