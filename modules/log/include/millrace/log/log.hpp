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

/// As LogOptions::service: may create and write the topics of every service. For tools that move
/// whole logs, never for services.
inline constexpr std::string_view any_service = "*";

/// What a handle on an embedded log may do. Reading needs no writing on Kafka and in memory: there
/// all are read_write.
enum class LogAccess : std::uint8_t {
  read_write,    ///< a member; fails where the directory cannot be written to
  prefer_write,  ///< as read_write; where that fails as read_only, for tools that mostly read
  /// No member: writes nothing, and sees the log by reading its whole journal once, then what
  /// follows. Everything that would write is refused with errc::read_only. Other members and their
  /// claims are not seen.
  read_only
};

/// How a handle opens a log.
struct LogOptions {
  std::string service;  ///< the service that writes; without one only commands may be written
  std::string member;   ///< a name for people, such as `stock-1`; default: the service
  DurabilityPolicy durability = DurabilityPolicy::sync;
  std::int64_t sync_interval_ms = 100;       ///< for DurabilityPolicy::interval
  std::int64_t session_timeout_ms = 10'000;  ///< a member silent for so long loses its claims
  std::size_t max_record_bytes = (1U << 20U) + 12;  ///< largest encoded record
  std::size_t max_transaction_bytes = 4U << 20U;    ///< largest transaction, encoded
  /// A record may be so far ahead of the clock when it is appended, in ms; without a value any time
  /// is taken. Records that are written under a claim are not checked: they take their time from
  /// records that were checked when these were appended.
  std::optional<std::int64_t> max_future_ms = 3'600'000;
  LogAccess access = LogAccess::read_write;
  bool create = true;  ///< make the log when it is missing; else errc::not_found
};

/// What a handle counted of its own work since it was opened, or a size of the log as it is now;
/// for metrics.
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

/// Sleeps until partitions have something new. One thread uses it; interrupt() may be called from
/// any.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Returns as soon as one interest has committed records at or after its offset, or at the
  /// deadline (Clock::monotonic_ns). A memory log in simulated time does not sleep: it returns
  /// `timeout` at once when there is nothing new.
  [[nodiscard]] virtual WaitOutcome wait(std::span<const Interest> interests,
                                         std::int64_t deadline_ns) = 0;
  /// Makes the wait under way, or else the next one, return. Thread-safe.
  virtual void interrupt() = 0;
};

/// A log: topics, transactions, groups. docs/design/log.md has the contract; every backend passes
/// the same suite (tests/log_contract.hpp). A handle is one member of the log. Thread-safe unless
/// said otherwise; outlives what it hands out.
class Log {
 public:
  virtual ~Log() = default;

  /// Creates a topic, or returns the one that exists when its spec is the same. Settings are not
  /// compared: those of a topic that exists stay as they are. Where the settings are the defaults,
  /// a log may have others for a kind of topics: the embedded log deletes commands after 7 days.
  /// A program that does not know how many partitions were added to a topic calls find_topic()
  /// first. errc::topic_mismatch, not_owner (of another service's topic), invalid_argument.
  [[nodiscard]] virtual Result<Topic> create_topic(const TopicSpec& spec,
                                                   const TopicSettings& settings) = 0;
  /// The same with the default settings.
  [[nodiscard]] Result<Topic> create_topic(const TopicSpec& spec) {
    return create_topic(spec, TopicSettings{});
  }
  /// errc::unknown_topic.
  [[nodiscard]] virtual Result<Topic> find_topic(std::string_view name) = 0;
  /// All topics by id, internal ones (`__...`) left out. errc::closed, unavailable, corrupt: never
  /// a list that may lack some.
  [[nodiscard]] virtual Result<std::vector<Topic>> topics() = 0;

  /// The settings of a topic now; others may change them at any time. On Kafka one request.
  /// errc::unknown_topic, unavailable.
  [[nodiscard]] virtual Result<TopicSettings> topic_settings(TopicId topic) = 0;
  /// Changes settings of a topic, all of the changes or none; of two members that change the same
  /// setting at once, the last one counts. Returns the settings as they are afterwards. Only the
  /// owner may, and a handle of any_service. What a service restores its state from stays
  /// compacted, and what it alone reads is kept. errc::not_owner, unknown_topic, invalid_argument,
  /// not_authorized and refused_by_broker with the text of the cluster, and those of a commit.
  [[nodiscard]] virtual Result<TopicSettings> alter_topic(
      TopicId topic, std::span<const SettingChange> changes) = 0;

  /// Adds partitions to a topic, so that it has `total` of them, and returns it with that number.
  /// All handles, those that were open before too, can use the new partitions then. A `Topic` that
  /// a program keeps still has the old number; on Kafka find_topic() of another handle may return
  /// the old number until its next maintain(). Records stay where they are, so the later records of
  /// a key may be in another partition than its earlier ones: look with find_key() first
  /// (millrace/log/find_key.hpp). Stop the services that write or read the topic before, because
  /// they use the old number as long as they run. Only the owner may, and a handle of any_service.
  /// With the number that the topic has, nothing changes. This is one commit: wait_durable(
  /// committed()) waits until it is durable. errc::not_owner, unknown_topic, topic_replaced;
  /// invalid_argument for fewer partitions, for more than a topic may have, and for a private
  /// topic, which has a partition for each task of its service; limit; incompatible on Kafka while
  /// a member of an earlier build runs; not_authorized and refused_by_broker with the text of the
  /// cluster, and those of a commit. On Kafka it may fail with unavailable after the cluster has
  /// the partitions: the same call again completes it.
  [[nodiscard]] virtual Result<Topic> add_partitions(TopicId topic, std::int32_t total) = 0;

  /// Deletes a topic with its records, its settings and the positions of groups in it. It is
  /// durable when this returns, and the name is free: a topic that is created under it is another
  /// one, with another id. Whatever uses the deleted one gets errc::topic_replaced from then on,
  /// and those who wait for it are woken. Only the owner may, and a handle of any_service. To
  /// delete it again changes nothing. A topic that a service restores its state from cannot be
  /// deleted, nor one of the log itself: errc::invalid_argument. errc::not_owner, unknown_topic,
  /// read_only, those of a commit; on Kafka incompatible while a member of an earlier build runs.
  /// When it fails after the deletion was committed, the topic is deleted and its name becomes free
  /// later; to delete it again then tries that at once. Large files may be removed later still, in
  /// maintain_storage() of any handle that writes.
  [[nodiscard]] virtual Status delete_topic(TopicId topic) = 0;

  /// Makes everything in the transaction visible at once, all of it or nothing. It is committed
  /// when this returns; on Kafka readers, this handle's own among them, see it a few milliseconds
  /// later: wait_visible(). On success and on failure the transaction keeps its content; clear()
  /// it. errc::fenced, not_owner, too_large, time_out_of_bounds, disk_full, failed_sync,
  /// outcome_unknown, unknown_topic, topic_replaced, unknown_partition.
  [[nodiscard]] virtual Result<Committed> commit(Transaction& transaction) = 0;
  /// Returns when the records of that commit, made by this handle, can be read. At once on the
  /// embedded and the memory log. On Kafka an older transaction of another client in one of the
  /// partitions holds them back: errc::unavailable at the deadline (Clock::monotonic_ns), and the
  /// commit holds all the same. A task may be released at once: release() waits for changelogs.
  [[nodiscard]] virtual Status wait_visible(const Committed& committed, std::int64_t deadline_ns);

  /// Reads committed records from `from` on: about `max_bytes` at most, but at least one batch if
  /// there is one. At the end of the partition the result is empty, not an error. On Kafka the end
  /// is the last one that this handle knows: end_offset() asks the cluster again, and a fetch below
  /// its result waits for the records, errc::unavailable.
  /// errc::out_of_range names the first and last offset kept. Any thread; one buffer per thread.
  [[nodiscard]] virtual Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                                     FetchBuffer& buffer) = 0;
  /// First offset kept.
  [[nodiscard]] virtual Result<Offset> start_offset(TopicPartition partition) = 0;
  /// One past the last committed record. On Kafka it waits until what this handle committed there
  /// can be read, errc::unavailable when an older transaction of others keeps it for two seconds.
  [[nodiscard]] virtual Result<Offset> end_offset(TopicPartition partition) = 0;
  /// The same for many, in their order: on Kafka one request for all.
  [[nodiscard]] virtual Result<std::vector<Offset>> start_offsets(
      std::span<const TopicPartition> partitions);
  [[nodiscard]] virtual Result<std::vector<Offset>> end_offsets(
      std::span<const TopicPartition> partitions);

  /// The first committed record whose time is at or after the given one, in ms since 1970; no value
  /// when there is none. Times of records may go back: records behind it may be earlier. Of a batch
  /// that is compressed the embedded log returns the first offset. Reads what grows with the
  /// logarithm of what is kept; on Kafka, whose brokers take transaction markers for records
  /// of the time when they were written, all from the first marker or record that is late enough.
  [[nodiscard]] virtual Result<std::optional<Offset>> find_time(TopicPartition partition,
                                                                std::int64_t time_ms) = 0;
  /// The same for many, in their order.
  [[nodiscard]] virtual Result<std::vector<std::optional<Offset>>> find_times(
      std::span<const TopicPartition> partitions, std::int64_t time_ms);

  [[nodiscard]] virtual std::unique_ptr<Waiter> waiter() = 0;

  /// End of the last commit, and of the last one that is durable.
  [[nodiscard]] virtual LogPosition committed() = 0;
  [[nodiscard]] virtual LogPosition durable() = 0;
  /// Returns when what the durability policy promises holds for the position; may lead the sync of
  /// all who wait. errc::failed_sync, closed, out_of_range for a position that was lost in a
  /// power cut.
  [[nodiscard]] virtual Status wait_durable(LogPosition position) = 0;

  /// The number of a group, made when new.
  [[nodiscard]] virtual Result<GroupId> group(std::string_view name) = 0;
  /// The offset at which the group continues; no value if it never committed a position there.
  [[nodiscard]] virtual Result<std::optional<Offset>> position(GroupId group,
                                                               TopicPartition partition) = 0;
  /// The same for many, in their order.
  [[nodiscard]] virtual Result<std::vector<std::optional<Offset>>> positions(
      GroupId group, std::span<const TopicPartition> partitions);
  /// How long a position is kept that is not committed again, in ms; no value: for ever.
  [[nodiscard]] virtual std::optional<std::int64_t> position_retention_ms() const { return {}; }
  /// How long a tombstone of a compacted topic stays for those who have not read it, in ms; no
  /// value where that is for ever. errc::unknown_topic, and those of a cluster that does not say.
  [[nodiscard]] virtual Result<std::optional<std::int64_t>> tombstone_retention_ms(
      TopicId /*topic*/) {
    return std::optional<std::int64_t>{};
  }
  /// Before this offset of a compacted topic tombstones may be gone: who knows the partition up to
  /// an earlier one may have missed that a key was deleted. 0 when none is gone, and where the log
  /// does not know; then tombstone_retention_ms() says how long they stay. errc::unknown_topic,
  /// unknown_partition.
  [[nodiscard]] virtual Result<Offset> tombstones_complete_from(TopicPartition /*partition*/) {
    return Offset{};
  }
  /// Joins a group to share the named tasks. All members name the same set, in mixed versions some
  /// may name more.
  [[nodiscard]] virtual Result<std::unique_ptr<Membership>> join(
      GroupId group, std::vector<std::string> tasks) = 0;
  /// All groups by id, with their members, tasks and positions. errc::closed, unavailable, corrupt:
  /// never a list that may lack members or positions.
  [[nodiscard]] virtual Result<std::vector<GroupInfo>> groups() = 0;

  /// Housekeeping that needs no request: heartbeat, deaths of other members, syncs by interval. The
  /// runtime calls it some ten times a second from a thread of its own, and at once when
  /// `death_descriptor` becomes readable. errc::closed when this handle must not be used any more
  /// (the log failed or we were evicted).
  [[nodiscard]] virtual Status maintain() = 0;
  /// Housekeeping that may take long and that nothing waits for: the embedded log settles, removes,
  /// compacts and looks for damage, some 100 ms in each call and as long as a sync of the disk, or
  /// a second when commits would be slowed down else. The runtime calls it some ten times a second
  /// from a thread of its own, beside maintain() and commits; a process that does not call it
  /// leaves the work to others. A second caller waits for the first one. A failure means what one
  /// of maintain() does.
  [[nodiscard]] virtual Status maintain_storage() { return {}; }
  /// A descriptor that polls readable when a member may have died; -1 where there is none. Owned by
  /// the log.
  [[nodiscard]] virtual int death_descriptor() { return -1; }

  /// The counts that this backend keeps: the same names and kinds in the same order at each call. A
  /// service publishes a counter as the metric `millrace_log_<name>_total`, a gauge as
  /// `millrace_log_<name>`. Any thread; asks no other process.
  [[nodiscard]] virtual std::vector<LogCount> counts() const { return {}; }

  [[nodiscard]] virtual const LogOptions& options() const = 0;
  /// Why this handle can only read (LogAccess::read_only, or prefer_write where writing failed),
  /// for people; no value when it can write.
  [[nodiscard]] virtual std::optional<std::string> read_only_reason() const { return {}; }
  /// Names this log among all logs, for what is kept outside of it and speaks of its offsets. Such
  /// a file also names lineage() and a position, and check_past() is asked before it is used.
  [[nodiscard]] virtual std::string identity() = 0;
  /// The history that commits continue now; for a handle that can write, the same as long as it is
  /// open. Any thread. 0: on Kafka and the memory log, and when an older build opened the log.
  [[nodiscard]] virtual Lineage lineage();
  /// Succeeds when what was seen at that position, under that lineage, is in this log's past. Any
  /// thread. errc::out_of_range when the log lost it (it was cut, repaired, or put back from a
  /// backup since), unknown_lineage when it may have; closed, and failures of reading. On Kafka
  /// offsets tell, and it succeeds for lineage 0.
  [[nodiscard]] virtual Status check_past(Lineage lineage, LogPosition position);
};

/// The outside world of a log.
struct LogEnvironment;

/// Opens a log by URL, by the backend that was registered for its scheme: `file:DIR` after
/// register_embedded() (module log_embedded), `kafka://host:port,...[/prefix][?setting=value]`
/// after register_kafka() (module log_kafka). The memory log needs a MemoryBroker instead.
/// errc::unsupported_scheme, invalid_argument, unavailable; what a backend adds stands with it.
[[nodiscard]] Result<std::unique_ptr<Log>> open_log(std::string_view url,
                                                    LogEnvironment& environment,
                                                    LogOptions options);

}  // namespace millrace::log
