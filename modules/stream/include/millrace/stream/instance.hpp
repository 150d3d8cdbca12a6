// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/level.hpp"
#include "millrace/base/random.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/stream/store.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::stream {

namespace errc {
/// A function or processor of the topology threw an exception. Remedy: fix the function. The
/// message, or the reason of the dead letter, names the record or the timer and the exception.
inline constexpr ErrorCode handler_failed{"stream.handler_failed"};
/// One firing of a timer wrote more than the log's limit for a transaction. Its output was dropped.
/// Remedy: use `ProcessorContext::sweep` for work on each entry of a store. For other work, let
/// each firing do a part, and store how far it came.
inline constexpr ErrorCode firing_too_large{"stream.firing_too_large"};
/// A newer Millrace, or a newer build of the service, wrote the snapshot, the entry of a store, the
/// state of the task or the dead letter that the message names. Remedy: use the newer build. A
/// snapshot may also be removed: the task then restores its stores from their changelogs.
inline constexpr ErrorCode incompatible{"stream.incompatible"};
/// A snapshot is so old that tombstones written after it may have been removed from the changelog,
/// so it could bring deleted keys back. Remedy: nothing is to be done, because the task ignores the
/// snapshot and replays its changelogs. To use older snapshots, set a longer `delete.retention.ms`
/// on the topic of the changelog.
inline constexpr ErrorCode snapshot_too_old{"stream.snapshot_too_old"};
}  // namespace errc

/// What happens to a record that failed.
enum class ErrorAction : std::uint8_t { dead_letter, skip, fail };

/// Intervals are at most longest_interval_ms (base).
struct InstanceOptions {
  std::string state_directory;                 ///< for snapshots; empty: none are written
  std::int64_t snapshot_interval_ms = 30'000;  ///< between snapshots of a task that has changes
  // 0: so much that the fixed cost of a commit to this log weighs little, by the log's limit for
  // transactions. At 4 MiB (a directory) 256 KiB, 4,000 and 512 KiB; at 64 MiB (Kafka) sixteen
  // times that.
  std::size_t fetch_bytes = 0;        ///< per input and cycle
  std::size_t max_cycle_records = 0;  ///< records of inputs per task and commit
  std::size_t max_commit_bytes = 0;  ///< outputs and state changes after which a cycle is committed
  /// The minimum time from the beginning of one commit to the next, unless a commit was full.
  /// Records are collected meanwhile. 0: a commit after each cycle.
  std::int64_t commit_interval_ms = 0;
  /// A task takes the records of its inputs in the order of time. An input without further records
  /// may later get a record with an earlier timestamp. This is the maximum time for which the
  /// records of other inputs wait for such a record. 0: they do not wait. Nothing waits for
  /// replayed dead letters. InstanceStatus::idle_waits counts the waits that ended by this timeout.
  std::int64_t max_task_idle_ms = 0;
  /// An input that is far behind the others is read first. This is the maximum time for which the
  /// next record of another input waits meanwhile. After that, this record, and all records that
  /// were fetched with it, are taken although they are later. 0: no limit.
  /// InstanceStatus::catch_up_waits counts the waits that ended by this timeout.
  std::int64_t max_catch_up_wait_ms = 0;
  /// The minimum time after their append for which the log keeps records of repartition topics and
  /// replayed dead letters, even if they were read, so that another run can read the same records.
  /// At most longest_interval_ms. If the log removes records that were read, this raises
  /// `retention.ms` of these topics. It never lowers it; use `millrace topics alter` for that. 0:
  /// `retention.ms` is not changed.
  std::int64_t keep_for_shadow_ms = 0;
  ErrorAction on_deserialization_error = ErrorAction::dead_letter;
  ErrorAction on_processing_error = ErrorAction::dead_letter;
  std::string build = "dev";  ///< the version of the program, written to dead letters
};

/// The state of an instance, for metrics and tools. A copy; any thread.
struct InstanceStatus {
  enum class TaskState : std::uint8_t { restoring, running };
  struct Task {
    std::string name;  ///< `<sub-topology>/<partition>`
    TaskState state = TaskState::restoring;
    std::int64_t records_left = 0;  ///< records that are not restored yet
    std::int64_t lag = 0;           ///< records committed to its inputs and not yet processed
    /// Event time of the next record. If no waiting record was read yet, the time of the last
    /// progress. -1: no record waits.
    std::int64_t oldest_unprocessed_ms = -1;
    /// The work item that a handler processes at present: `orders/2@17`, or `timer NAME`; empty:
    /// none.
    std::string in_hand;
  };
  std::vector<Task> tasks;
  std::vector<std::string> waiting_for_topics;  ///< inputs that do not exist yet
  std::uint64_t records = 0;
  std::uint64_t commits = 0;
  std::uint64_t refused_commits = 0;
  std::uint64_t dead_letters = 0;
  /// for records of types that no source reads, see Instance::unknown_types()
  std::uint64_t skipped = 0;
  std::uint64_t late = 0;  ///< records that were left out because their window was closed
  /// of timers, passed over: the handler threw or wrote too much
  std::uint64_t failed_firings = 0;
  std::uint64_t idle_waits = 0;      ///< waits that max_task_idle_ms ended
  std::uint64_t catch_up_waits = 0;  ///< waits that max_catch_up_wait_ms ended
  /// Time since the last commit or restore, or since there was no work.
  std::int64_t ms_since_progress = 0;
  /// True when all tasks of this instance are restored, and each task that it lost has an owner.
  bool ready = false;
};

/// `restoring`, `running`.
[[nodiscard]] std::string_view to_string(InstanceStatus::TaskState state);

/// The number of records of one type in a topic that its source does not read (OnUnknownType).
struct UnknownTypeCount {
  std::string topic;
  /// The header `ce_type`, cut after 200 bytes and escaped (base's escaped()). `other`: of all
  /// types beyond the first 100 of the topic.
  std::string type;
  std::uint64_t records = 0;
};

/// One step of an instance.
struct StepResult {
  bool worked = false;  ///< the step did some work: call step() again at once
  /// when idle: call step() again at this time at the latest (Clock::monotonic_ns), for timers
  std::int64_t wake_at_ns = 0;
};

/// Receives reports of the runtime: tasks that were granted or lost, restores, refused commits,
/// dead letters. Called in the thread that calls step() and in the thread that calls maintain().
using EventSink =
    std::function<void(Level level, std::string_view message, std::string_view detail)>;

/// Runs a topology: the tasks that this member of the groups of the service owns. Deterministic: it
/// works only inside step(), which only one thread at a time may call (the worker thread of the
/// service, a test, or a simulation). Any thread may use views and call status().
class Instance {
 public:
  struct Environment {
    Clock& clock;
    FileSystem& files;
    Random& random;
    EventSink events;  ///< may be empty
  };

  /// Creates the topics of the service and joins its groups. `log` must outlive the instance.
  /// Errors: those of Log::create_topic(); bad_topology; errc::invalid_argument of base for an
  /// option out of its range.
  [[nodiscard]] static Result<std::unique_ptr<Instance>> open(log::Log& log, Topology topology,
                                                              InstanceOptions options,
                                                              Environment environment);
  /// Releases the tasks. Uncommitted work is dropped.
  ~Instance();

  /// Runs one cycle: membership, restore, fetch, process, commit. An error ends the instance: the
  /// log failed, or the error policy is `fail`.
  [[nodiscard]] Result<StepResult> step();
  /// Sleeps until there is work for step(), or until the time that step() returned. Any thread may
  /// interrupt it.
  void wait(const StepResult& last);
  void interrupt();
  /// Housekeeping beside the step, which a thread of the process's own calls some ten times a
  /// second, as Log::maintain(): it keeps the membership alive while a handler works, however slow
  /// that is, and ends a cycle that takes longer than a fifth of the session, after the record in
  /// hand. It also keeps the lag of status() true meanwhile, and reports a handler that does not
  /// return. Any thread, also during step(); without it a step that takes longer than the session
  /// loses the tasks.
  void maintain();
  /// Stops cleanly: writes snapshots, releases the tasks. Releases them after a failure too, and
  /// returns the first one. No step after it.
  [[nodiscard]] Status close();

  [[nodiscard]] InstanceStatus status() const;
  /// InstanceStatus::ready alone, without a lock or a copy: for health checks. Any thread.
  [[nodiscard]] bool ready() const;
  /// What a handler has in hand, and since when, when nothing was committed for longer than the
  /// session because it does not return; else no value. For health checks. Any thread.
  [[nodiscard]] std::optional<std::string> stalled() const;
  /// What was read since open() of types that no source reads, also where that is an error. By
  /// topic and type, `other` last; at most 101 of a topic. Counted when it is committed. Any
  /// thread.
  [[nodiscard]] std::vector<UnknownTypeCount> unknown_types() const;
  [[nodiscard]] const Topology& topology() const;
  /// A view of the store of that name. errc::unknown_store, and errc::view_mismatch when the types
  /// of the store are others.
  template <class K, class V>
  [[nodiscard]] Result<View<K, V>> view(std::string store) const {
    MILLRACE_TRY(check_view(store, codec::type_info<K>(), codec::type_info<V>()));
    return View<K, V>(*this, std::move(store));
  }
  /// A view of a store of the builder that built this topology. errc::unknown_store for a reference
  /// that another builder made, else as above.
  template <class K, class V>
  [[nodiscard]] Result<View<K, V>> view(const StoreRef<K, V>& store) const {
    MILLRACE_ASSIGN(std::string name, name_of(store.id, store.builder));
    return view<K, V>(std::move(name));
  }

  /// The bytes of views: committed value of an encoded key, and the entries of a range merged
  /// over the local tasks in key order.
  [[nodiscard]] Result<Answer<std::optional<std::string>>> read(std::string_view store,
                                                                std::string_view key) const;
  [[nodiscard]] Result<Answer<std::vector<std::pair<std::string, std::string>>>> read_range(
      std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const;

 private:
  class Worker;
  [[nodiscard]] Status check_view(std::string_view store, const codec::TypeInfo& key,
                                  const codec::TypeInfo& value) const;
  [[nodiscard]] Result<std::string> name_of(StoreId store, BuilderId builder) const;
  explicit Instance(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> worker_;
};

}  // namespace millrace::stream
