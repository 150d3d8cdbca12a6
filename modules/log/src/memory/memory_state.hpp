// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "millrace/log/memory_log.hpp"

namespace millrace::log {

/// One handle of the broker: a member of the log.
struct MemoryHandle {
  LogOptions options;
  bool closed = false;  // guarded by MemoryState::mutex
};

/// Everything the handles share. Functions that take no lock of their own expect `mutex` to be
/// held.
struct MemoryState {
  struct StoredBatch {
    Offset first;
    Offset last;
    LogPosition position;
    std::string bytes;
  };
  struct StoredPartition {
    std::vector<StoredBatch> batches;
    Offset end;
  };
  struct StoredTopic {
    Topic topic;
    std::vector<StoredPartition> partitions;
  };
  struct ProducerState {
    std::int64_t last = -1;
    Committed outcome;
  };
  struct Unit {
    GroupId group;
    std::string name;
    std::uint64_t member = 0;  // 0: free
    std::uint64_t number = 0;  // of the last grant
  };
  struct Member {
    const MemoryHandle* handle = nullptr;
    std::set<std::string> units;
    std::int64_t polled_ns = 0;
  };
  struct Group {
    std::string name;
    std::map<TopicPartition, Offset> positions;
    std::map<std::string, std::int32_t> slots;  // units by name
    std::map<std::uint64_t, Member> members;    // live ones, by age
  };

  MemoryState(Clock& the_clock, bool is_simulated) : clock(the_clock), simulated(is_simulated) {}

  // Topics and records: memory_records.cpp.
  Result<Topic> create_topic(const TopicSpec& spec, std::string_view service);
  Result<Topic> find_topic(std::string_view name) const;
  Status check_place(TopicPartition place) const;
  StoredPartition& at(TopicPartition place);
  Result<Committed> commit(Transaction& transaction, const MemoryHandle& handle);
  Status check_commit(Transaction& transaction, const MemoryHandle& handle) const;
  Committed write(Transaction& transaction);
  Status collect(TopicPartition place, Offset from, std::size_t max_bytes, FetchBuffer& buffer);
  bool has_news(std::span<const Interest> interests);

  // Groups: memory_groups.cpp.
  Result<GroupId> find_or_make_group(std::string_view name);
  Status check_group(GroupId id) const;
  Group& at(GroupId id) { return groups[static_cast<std::size_t>(id.value)]; }
  bool is_current(const Claim& claim) const;
  void add_member(GroupId id, std::uint64_t member, const MemoryHandle& handle,
                  const std::set<std::string>& named);
  void remove_member(GroupId id, std::uint64_t member);
  void remove_members_of(const MemoryHandle& handle);
  void expire_members();
  void free_unit(const Claim& claim);
  /// Grants `member` what it may have now and tells which of its units are wanted back.
  MembershipChange share(GroupId id, std::uint64_t member);
  Claim claim_of(std::int32_t slot) const;
  std::vector<GroupInfo> describe_groups();

  std::mutex mutex;
  std::condition_variable changed;  // something was committed, made durable, closed or interrupted
  Clock& clock;
  const bool simulated;

  std::deque<StoredTopic> topics;  // by id
  std::map<std::string, TopicId, std::less<>> topic_ids;
  LogPosition committed{1, 0};
  LogPosition durable{1, 0};
  std::map<std::string, ProducerState, std::less<>> producers;

  std::deque<Group> groups;  // by id
  std::deque<Unit> units;    // by slot
  std::uint64_t last_member = 0;
  std::uint64_t last_number = 0;

  bool manual_durability = false;
  ErrorCode failure{""};
  int failures_left = 0;
};

}  // namespace millrace::log
