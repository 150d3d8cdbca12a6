// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/base/processes.hpp"
#include "millrace/log/log.hpp"
#include "topic_uuid.hpp"

namespace millrace::log::kafka {

// What all members of a system agree on: its topics, groups, members, and who has which task. It
// is the fold of one topic of one partition, `__millrace`, in the order of its offsets; every rule
// here depends on that order alone. docs/decisions/0008-tasks-on-kafka.md, docs/formats/kafka.md.

/// Of a member that says nothing else: what all had before it was announced.
inline constexpr std::int64_t default_session_ms = 10'000;

/// What a member tells of its build and settings, in `joined` and again in each heartbeat: a
/// snapshot by a member of an earlier build lacks it.
struct Announcement {
  std::int64_t folds = 1;  ///< the highest version of these records that it understands
  std::int64_t session_ms = default_session_ms;  ///< silent for longer, it is expelled
  friend bool operator==(const Announcement&, const Announcement&) = default;
};

/// The records of `__millrace`.
struct TopicMade {
  TopicSpec spec;
  /// When it was created: builds before settings could change compare it. What holds now is in the
  /// cluster.
  bool compacts = false;
  friend bool operator==(const TopicMade&, const TopicMade&) = default;
};
struct GroupMade {
  std::string name;
};
/// A process (a Log handle) takes part, under a transactional id that is its alone.
struct Joined {
  std::string transactional_id;
  std::string name;  ///< for people
  ProcessName process;
  Announcement announced{};
};
/// It wants to share the tasks of a group. The record's offset is the number of the subscription.
struct Subscribed {
  std::int64_t member = 0;  ///< offset of its Joined
  std::int32_t group = 0;
  std::vector<std::string> tasks;
};
struct Heartbeat {
  std::int64_t member = 0;
  Announcement announced{};
};
/// It takes a free task. The first such record after the task became free counts; its offset is the
/// claim's epoch.
struct Claimed {
  std::int64_t subscription = 0;
  std::string task;
};
struct Released {
  std::int64_t subscription = 0;
  std::string task;
  std::int64_t epoch = 0;
};
struct Unsubscribed {
  std::int64_t subscription = 0;
};
/// It has left, or another fenced its transactional id and writes this.
struct Ended {
  std::int64_t member = 0;
};
/// The whole state as of an offset, so that what lies before it need not be kept.
struct Snapshot {
  std::int64_t as_of = 0;
  std::string state;
  /// Whether the state has deleted topics, which builds that do not know them would misread. Not
  /// part of the bytes.
  bool has_deleted = false;
};
/// The topic was made: a random name, so that one that is deleted and made again is another log.
struct Created {
  std::string creation;
};
/// The group has a position there from now on; if Kafka has none any more, it was lost.
struct Positioned {
  std::int32_t group = 0;
  std::string topic;  ///< without the prefix
  std::int32_t partition = 0;
};
/// The topic has so many partitions from now on, if that is more than it had. In Kafka it has them
/// already.
struct PartitionsAdded {
  std::string topic;  ///< without the prefix
  std::int32_t total = 0;
};
/// The topic with this number was deleted, in Kafka first. Its name is free; the number stays.
struct TopicDeleted {
  std::int32_t number = 0;
};
/// How far a topic reached when its writer looked: what lies before was appended by then. A note:
/// members of earlier builds ignore it, and their snapshots lack it.
struct EndsSeen {
  std::int32_t topic = 0;          ///< its number
  TopicUuid id = {};               ///< of that topic in the cluster
  std::int64_t wall_ms = 0;        ///< by the clock of the writer
  std::vector<std::int64_t> ends;  ///< by partition
  friend bool operator==(const EndsSeen&, const EndsSeen&) = default;
};
/// The index is the kind; notes, the last one, have kinds from 64 on.
using StateRecord = std::variant<TopicMade, GroupMade, Joined, Subscribed, Heartbeat, Claimed,
                                 Released, Unsubscribed, Ended, Snapshot, Created, Positioned,
                                 PartitionsAdded, TopicDeleted, EndsSeen>;

/// Which versions of these records a build understands and writes. The defaults are those of this
/// build; tests give those of an older or a later one.
/// docs/decisions/0017-members-announce-versions.md.
struct RecordVersions {
  std::int64_t folds = 3;  ///< the highest that it understands
  /// By kind (its index in StateRecord) the version in which it is written; the others in 1. None
  /// is above `folds`. Version 2 came with PartitionsAdded, 3 with TopicDeleted; a snapshot that
  /// has such topics is of the same version.
  std::map<std::size_t, std::int64_t> written{{12, 2}, {13, 3}};
  [[nodiscard]] std::int64_t of(const StateRecord& record) const;
};

[[nodiscard]] std::string encode_state_record(const StateRecord& record,
                                              const RecordVersions& versions = {});
/// errc::corrupt; errc::incompatible for a record of a later version.
[[nodiscard]] Result<StateRecord> decode_state_record(std::string_view bytes,
                                                      const RecordVersions& versions = {});
/// Whether it is a record of a build to come that says of itself, by its kind, that members that do
/// not know it pass over it.
[[nodiscard]] bool is_unknown_note(std::string_view bytes);

class State {
 public:
  struct Member {
    std::string transactional_id;
    std::string name;
    ProcessName process;
    Announcement announced{};
    friend bool operator==(const Member&, const Member&) = default;
  };
  struct Subscription {
    std::int64_t member = 0;
    std::int32_t group = 0;
    std::set<std::string> tasks;
    friend bool operator==(const Subscription&, const Subscription&) = default;
  };
  struct Task {
    std::int64_t owner = -1;  ///< a subscription; -1: free
    std::int64_t epoch = 0;   ///< of the last claim
    friend bool operator==(const Task&, const Task&) = default;
  };
  struct Group {
    std::string name;
    std::map<std::string, Task> tasks;
    std::set<std::pair<std::string, std::int32_t>> positions;  ///< topics, partitions
    friend bool operator==(const Group&, const Group&) = default;
  };

  /// Takes the next record. Records that no longer apply (a claim on a task that has an owner, a
  /// heartbeat of one that has ended) change nothing.
  void apply(std::int64_t offset, const StateRecord& record);

  /// Of a topic, the last 16 at most, in the order in which they were written.
  static constexpr std::size_t ends_seen_max = 16;
  [[nodiscard]] const std::vector<EndsSeen>& ends_seen(std::int32_t topic) const;
  /// By number, deleted ones too.
  [[nodiscard]] const std::vector<TopicMade>& topics() const { return topics_; }
  [[nodiscard]] bool is_deleted(std::int32_t number) const { return deleted_.contains(number); }
  [[nodiscard]] bool has_deleted() const { return !deleted_.empty(); }
  [[nodiscard]] const TopicSpec* topic(std::string_view name, TopicId& id) const;
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  [[nodiscard]] const std::map<std::int64_t, Member>& members() const { return members_; }
  [[nodiscard]] const std::map<std::int64_t, Subscription>& subscriptions() const {
    return subscriptions_;
  }
  /// Those that do not understand records of that version.
  [[nodiscard]] std::vector<Member> members_below(std::int64_t version) const;
  /// Empty until it is known.
  [[nodiscard]] const std::string& creation() const { return creation_; }
  [[nodiscard]] std::int32_t group_number(std::string_view name) const;
  /// Whether the group has had a position there.
  [[nodiscard]] bool had_position(std::int32_t group, const std::string& topic,
                                  std::int32_t partition) const;

  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static Result<State> decode(std::string_view bytes);
  friend bool operator==(const State&, const State&) = default;

 private:
  void end_subscription(std::int64_t number);
  void delete_topic(std::int32_t number);
  void note_ends(EndsSeen seen);

  std::string creation_;
  std::vector<TopicMade> topics_;  // by TopicId
  std::vector<Group> groups_;      // by GroupId
  std::map<std::int64_t, Member> members_;
  std::map<std::int64_t, Subscription> subscriptions_;              // by age
  std::map<std::string, std::int32_t, std::less<>> topic_numbers_;  // without the deleted ones
  std::set<std::int32_t> deleted_;
  std::map<std::int32_t, std::vector<EndsSeen>> ends_seen_;  // by topic
};

}  // namespace millrace::log::kafka
