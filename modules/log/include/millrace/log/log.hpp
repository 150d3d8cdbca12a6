// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/fetch.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/topic_settings.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::log {

/// A value of LogOptions::service: such a handle may create and write the topics of every service.
/// For tools that copy whole logs, never for services.
inline constexpr std::string_view any_service = "*";

/// What a handle of an embedded log may do. On Kafka and in memory a handle that only reads writes
/// nothing anyway, so there every handle is read_write.
enum class LogAccess : std::uint8_t {
  read_write,    ///< a member; fails where the directory cannot be written to
  prefer_write,  ///< as read_write; where that fails as read_only, for tools that mostly read
  /// Not a member, and writes nothing. Reads the checkpoint and the journal after it once, then
  /// follows new commits. Every call that would write fails with errc::read_only. Members and their
  /// claims are not visible.
  read_only
};

/// How a handle opens a log.
struct LogOptions {
  std::string service;  ///< the service that writes; without one only commands may be written
  std::string member;   ///< a name for people, such as `stock-1`; default: the service
  DurabilityPolicy durability = DurabilityPolicy::sync;
  std::int64_t sync_interval_ms = 100;  ///< for DurabilityPolicy::interval
  std::int64_t session_timeout_ms =
      10'000;  ///< a member that is silent for this time loses its claims
  std::size_t max_record_bytes = (1U << 20U) + 12;  ///< largest encoded record
  std::size_t max_transaction_bytes = 4U << 20U;    ///< largest transaction, encoded
  /// How far the timestamp of an appended record may be ahead of the clock, in ms; no value: no
  /// limit. Records that are written under a claim are not checked, because they take their
  /// timestamps from records that were checked when they were appended.
  std::optional<std::int64_t> max_future_ms = 3'600'000;
  LogAccess access = LogAccess::read_write;
  bool create = true;  ///< create the log when it is missing; if false: errc::not_found
};

/// A value for metrics: a count of what this handle has done since it was opened, or a present size
/// of the log.
struct LogCount {
  enum class Kind : std::uint8_t {
    counter,  ///< of the handle's own work: it never shrinks
    gauge     ///< of the log as it is now: it rises and falls
  };

  std::string_view name;  ///< a literal in snake case, without prefix and unit: `repaired_tails`
  std::string_view help;  ///< a literal: one sentence for people
  std::uint64_t value = 0;
  Kind kind = Kind::counter;
};

/// Sleeps until partitions have new records. One thread uses it; any thread may call interrupt().
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Returns as soon as one of the interests has committed records at or after its offset, or at
  /// the deadline (Clock::monotonic_ns). A memory log in simulated time does not sleep: it returns
  /// `timeout` at once when there are no new records.
  [[nodiscard]] virtual WaitOutcome wait(std::span<const Interest> interests,
                                         std::int64_t deadline_ns) = 0;
  /// Ends the present wait(). If no thread waits, ends the next one. Thread-safe.
  virtual void interrupt() = 0;
};

/// A log: topics, transactions, groups. docs/design/log.md has the contract; every backend passes
/// the same suite (tests/log_contract.hpp). A handle is one member of the log. Thread-safe unless
/// said otherwise; outlives what it hands out.
class Log {
 public:
  virtual ~Log() = default;

  /// Creates a topic. If a topic with the same name and spec exists, returns it and keeps its
  /// settings, which are not compared. For default settings a log may choose its own values by kind
  /// of topic: the embedded log deletes commands after 7 days. If partitions may have been added to
  /// the topic, call find_topic() first. errc::topic_mismatch, not_owner (the topic belongs to
  /// another service), invalid_argument.
  [[nodiscard]] virtual Result<Topic> create_topic(const TopicSpec& spec,
                                                   const TopicSettings& settings) = 0;
  /// The same with the default settings.
  [[nodiscard]] Result<Topic> create_topic(const TopicSpec& spec) {
    return create_topic(spec, TopicSettings{});
  }
  /// errc::unknown_topic.
  [[nodiscard]] virtual Result<Topic> find_topic(std::string_view name) = 0;
  /// All topics by id, without internal ones (`__...`). The list is complete, or the call fails:
  /// errc::closed, unavailable, corrupt.
  [[nodiscard]] virtual Result<std::vector<Topic>> topics() = 0;

  /// The present settings of a topic; other members may change them at any time. On Kafka this is
  /// one request. errc::unknown_topic, unavailable.
  [[nodiscard]] virtual Result<TopicSettings> topic_settings(TopicId topic) = 0;
  /// Makes all of the changes to the settings of a topic, or none. When two members change the same
  /// setting at the same time, the last change wins. Returns the new settings. Only the owner of
  /// the topic and a handle of any_service may call it. Topics from which a service restores its
  /// state stay compacted, and its other private topics keep their records: errc::invalid_argument
  /// for other settings. Also errc::not_owner, unknown_topic; not_authorized and refused_by_broker
  /// with the text of the cluster; and the errors of a commit.
  [[nodiscard]] virtual Result<TopicSettings> alter_topic(
      TopicId topic, std::span<const SettingChange> changes) = 0;

  /// Adds partitions to a topic, so that it has `total` partitions, and returns the topic with that
  /// number. If it has `total` partitions already, nothing changes. Only the owner of the topic and
  /// a handle of any_service may call it. Afterwards all handles, even those that were opened
  /// before, can use the new partitions. A `Topic` object that a program keeps has the old number;
  /// on Kafka find_topic() of another handle may return the old number until its next maintain().
  /// Records stay in their partitions, so the later records of a key may be in another partition
  /// than the earlier ones: call find_key() first (millrace/log/find_key.hpp). Stop the services
  /// that write or read the topic first, because they use the old number as long as they run. This
  /// is one commit: `wait_durable(committed())` waits until it is durable. errc::not_owner,
  /// unknown_topic, topic_replaced; invalid_argument for fewer partitions, for more than a topic
  /// may have, and for a private topic, which has a partition for each task of its service; limit;
  /// incompatible on Kafka while a member of an earlier build runs; not_authorized and
  /// refused_by_broker with the text of the cluster; and the errors of a commit. On Kafka it may
  /// fail with unavailable after the cluster added the partitions: call it again to complete the
  /// change.
  [[nodiscard]] virtual Result<Topic> add_partitions(TopicId topic, std::int32_t total) = 0;

  /// Deletes a topic with its records, its settings and the positions of groups in it. When this
  /// returns, the deletion is durable and the name is free. A topic that is created under this name
  /// later is another topic with another id. Calls that use the deleted topic fail with
  /// errc::topic_replaced, and waiters are woken. Only the owner of the topic and a handle of
  /// any_service may call it. Deleting a topic again changes nothing. errc::invalid_argument for an
  /// internal topic and for a topic from which a service restores its state; not_owner,
  /// unknown_topic, read_only, and the errors of a commit; on Kafka incompatible while a member of
  /// an earlier build runs. It may fail after the deletion was committed. Then the topic is
  /// deleted, and its name becomes free later; another call tries to free it at once. Large files
  /// may be removed even later, in maintain_storage() of any handle that writes.
  [[nodiscard]] virtual Status delete_topic(TopicId topic) = 0;

  /// Commits the transaction: all of it becomes visible at once, or none of it. When this returns,
  /// the transaction is committed. On Kafka all readers, also those of this handle, see it a few
  /// milliseconds later: see wait_visible(). The transaction keeps its content on success and on
  /// failure; call clear() to use it again. errc::fenced, not_owner, too_large, time_out_of_bounds,
  /// disk_full, failed_sync, outcome_unknown, unknown_topic, topic_replaced, unknown_partition.
  [[nodiscard]] virtual Result<Committed> commit(Transaction& transaction) = 0;
  /// Waits until the records of a commit of this handle can be read. Returns at once on the
  /// embedded and the memory log. On Kafka, an open transaction of another client in one of the
  /// partitions can delay this: errc::unavailable at the deadline (Clock::monotonic_ns). The commit
  /// is valid even then. Not needed before a task is released, because release() waits for the
  /// changelogs.
  [[nodiscard]] virtual Status wait_visible(const Committed& committed, std::int64_t deadline_ns);

  /// Reads committed records from `from` on: about `max_bytes` at most, but at least one batch if
  /// there is one. At the end of the partition the result is empty, which is no error. On Kafka
  /// this is the last end that this handle knows. end_offset() asks the cluster for the present
  /// end, and a fetch before that end waits for the records: errc::unavailable if they do not come
  /// in time. errc::out_of_range names the first and the last offset that can be read. Any thread
  /// may call it; each thread uses its own buffer.
  [[nodiscard]] virtual Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                                     FetchBuffer& buffer) = 0;
  /// First offset kept.
  [[nodiscard]] virtual Result<Offset> start_offset(TopicPartition partition) = 0;
  /// The offset after the last committed record. On Kafka it first waits until the records that
  /// this handle committed there can be read: errc::unavailable when an open transaction of another
  /// client delays this for two seconds.
  [[nodiscard]] virtual Result<Offset> end_offset(TopicPartition partition) = 0;
  /// The same for many, in their order: on Kafka one request for all.
  [[nodiscard]] virtual Result<std::vector<Offset>> start_offsets(
      std::span<const TopicPartition> partitions);
  [[nodiscard]] virtual Result<std::vector<Offset>> end_offsets(
      std::span<const TopicPartition> partitions);

  /// The offset of the first committed record whose timestamp is at or after `time_ms`, in ms since
  /// 1970; no value when there is none. Timestamps need not increase, so later records may have
  /// earlier timestamps. For a compressed batch the embedded log returns the first offset of the
  /// batch. The cost grows with the logarithm of the number of records. On Kafka it may be much
  /// larger: brokers treat a transaction marker as a record with the time at which the marker was
  /// written, so the search reads all records from the first marker or record that is late enough.
  [[nodiscard]] virtual Result<std::optional<Offset>> find_time(TopicPartition partition,
                                                                std::int64_t time_ms) = 0;
  /// The same for many, in their order.
  [[nodiscard]] virtual Result<std::vector<std::optional<Offset>>> find_times(
      std::span<const TopicPartition> partitions, std::int64_t time_ms);

  [[nodiscard]] virtual std::unique_ptr<Waiter> waiter() = 0;

  /// End of the last commit, and of the last one that is durable.
  [[nodiscard]] virtual LogPosition committed() = 0;
  [[nodiscard]] virtual LogPosition durable() = 0;
  /// Waits until all commits up to this position are durable under the durability policy. May do
  /// the sync for all threads that wait. errc::failed_sync, closed, out_of_range for a position
  /// that was lost in a power cut.
  [[nodiscard]] virtual Status wait_durable(LogPosition position) = 0;

  /// Returns the id of a group; creates the group if it does not exist.
  [[nodiscard]] virtual Result<GroupId> group(std::string_view name) = 0;
  /// The offset at which the group continues; no value if it never committed a position there.
  [[nodiscard]] virtual Result<std::optional<Offset>> position(GroupId group,
                                                               TopicPartition partition) = 0;
  /// The same for many, in their order.
  [[nodiscard]] virtual Result<std::vector<std::optional<Offset>>> positions(
      GroupId group, std::span<const TopicPartition> partitions);
  /// How long the log keeps a position that is not committed again, in ms; no value: for ever.
  [[nodiscard]] virtual std::optional<std::int64_t> position_retention_ms() const { return {}; }
  /// How long a compacted topic keeps a tombstone for readers that have not read it, in ms; no
  /// value: for ever. errc::unknown_topic, and the errors of a request to the cluster.
  [[nodiscard]] virtual Result<std::optional<std::int64_t>> tombstone_retention_ms(
      TopicId /*topic*/) {
    return std::optional<std::int64_t>{};
  }
  /// Tombstones before this offset of a compacted topic may have been removed. A reader that
  /// stopped before this offset may have missed the deletion of a key. 0 when no tombstone was
  /// removed, and when the log does not know it; then use tombstone_retention_ms().
  /// errc::unknown_topic, unknown_partition.
  [[nodiscard]] virtual Result<Offset> tombstones_complete_from(TopicPartition /*partition*/) {
    return Offset{};
  }
  /// Joins a group to share the named tasks. All members pass the same names; during a rolling
  /// upgrade some members may pass more.
  [[nodiscard]] virtual Result<std::unique_ptr<Membership>> join(
      GroupId group, std::vector<std::string> tasks) = 0;
  /// All groups by id, with their members, tasks and positions. The list is complete, or the call
  /// fails: errc::closed, unavailable, corrupt.
  [[nodiscard]] virtual Result<std::vector<GroupInfo>> groups() = 0;

  /// Short housekeeping: sends the heartbeat, detects dead members, syncs at intervals. A service
  /// calls it about ten times a second in a separate thread, and at once when death_descriptor()
  /// becomes readable. errc::closed when this handle cannot be used any more, because the log
  /// failed or expelled this member.
  [[nodiscard]] virtual Status maintain() = 0;
  /// Long housekeeping, for which no other call waits: the embedded log settles, removes and
  /// compacts records and looks for damage. A call takes about 100 ms and a sync of the disk, or up
  /// to a second when commits would have to be slowed down otherwise. A service calls it about ten
  /// times a second in another separate thread, concurrently with maintain() and commits. If a
  /// process does not call it, other processes do the work. A second caller waits for the first
  /// one. Fails like maintain().
  [[nodiscard]] virtual Status maintain_storage() { return {}; }
  /// A file descriptor that becomes readable when a member may have died; -1 if there is none.
  /// Owned by the log.
  [[nodiscard]] virtual int death_descriptor() { return -1; }

  /// The counts of this backend: the same names and kinds in the same order at each call. A service
  /// publishes a counter as the metric `millrace_log_<name>_total` and a gauge as
  /// `millrace_log_<name>`. Any thread may call it. Does not wait for another process.
  [[nodiscard]] virtual std::vector<LogCount> counts() const { return {}; }

  [[nodiscard]] virtual const LogOptions& options() const = 0;
  /// The reason why this handle can only read (LogAccess::read_only, or prefer_write where writing
  /// failed), as text for people; no value when it can write.
  [[nodiscard]] virtual std::optional<std::string> read_only_reason() const { return {}; }
  /// A unique name of this log. A file outside of the log that contains offsets of it should store
  /// this name, lineage() and a position. Call check_past() before you use such a file.
  [[nodiscard]] virtual std::string identity() = 0;
  /// The history to which new commits belong. It does not change while a handle that can write is
  /// open. Any thread may call it. 0 on Kafka and the memory log, and when an older build opened
  /// the log.
  [[nodiscard]] virtual Lineage lineage();
  /// Checks that this log still has everything that it had at `position` in the history `lineage`.
  /// Any thread may call it. errc::out_of_range when the log lost commits before that position (it
  /// was cut, repaired or restored from a backup since), unknown_lineage when it may have lost
  /// some; closed, and errors of reading. On Kafka it always succeeds for lineage 0; there, compare
  /// offsets instead.
  [[nodiscard]] virtual Status check_past(Lineage lineage, LogPosition position);
};

/// Clock, files, random source and processes that a log uses.
struct LogEnvironment;

/// Opens a log by its URL, with the backend that is registered for the scheme: `file:DIR` after
/// register_embedded() (module log_embedded), `kafka://host:port,...[/prefix][?setting=value]`
/// after register_kafka() (module log_kafka). The memory log needs a MemoryBroker instead.
/// errc::unsupported_scheme, invalid_argument, unavailable; and the errors that the comment of the
/// backend lists.
[[nodiscard]] Result<std::unique_ptr<Log>> open_log(std::string_view url,
                                                    LogEnvironment& environment,
                                                    LogOptions options);

}  // namespace millrace::log
