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
/// A function or processor of the topology threw an exception. Remedy: fix it; the message, or the
/// reason of the dead letter, names the record or timer and the exception.
inline constexpr ErrorCode handler_failed{"stream.handler_failed"};
/// One firing of a timer wrote more than the log's limit for a transaction. All that it wrote was
/// dropped. Remedy: use `ProcessorContext::sweep` for work on each entry of a store; else let each
/// firing do a part of the work, and keep in a store where it ended.
inline constexpr ErrorCode firing_too_large{"stream.firing_too_large"};
/// A newer Millrace, or a newer build of the service, wrote the snapshot, the entry of a store, the
/// state of the task or the dead letter that the message names. Remedy: use the newer build. A
/// snapshot may also be removed: the task then restores its stores from their changelogs.
inline constexpr ErrorCode incompatible{"stream.incompatible"};
/// A snapshot is so old that tombstones written after it may have been removed from the changelog,
/// so it could bring deleted keys back. Remedy: none is needed, because the task ignores it and
/// replays its changelogs; with a longer `delete.retention.ms` of the changelog's topic the
/// snapshot can be used.
inline constexpr ErrorCode snapshot_too_old{"stream.snapshot_too_old"};
}  // namespace errc

/// What to do about a record that failed.
enum class ErrorAction : std::uint8_t { dead_letter, skip, fail };

/// Intervals are at most longest_interval_ms (base).
struct InstanceOptions {
  std::string state_directory;                 ///< for snapshots; empty: none are written
  std::int64_t snapshot_interval_ms = 30'000;  ///< between snapshots of a task, when it changed
  // 0: so much that the fixed cost of a commit to this log weighs little, by the log's limit for
  // transactions. At 4 MiB (a directory) 256 KiB, 4,000 and 512 KiB; at 64 MiB (Kafka) sixteen
  // times that.
  std::size_t fetch_bytes = 0;        ///< per input and cycle
  std::size_t max_cycle_records = 0;  ///< inputs per task and commit
  std::size_t max_commit_bytes = 0;  ///< outputs and state changes after which a cycle is committed
  /// At least so long from the beginning of one commit to the next, unless one was full; records
  /// gather meanwhile. 0: a commit follows each turn.
  std::int64_t commit_interval_ms = 0;
  /// A task takes its inputs in the order of time. An input that has nothing more may get an
  /// earlier record than those of others: how long they wait for it, at most. 0: not at all.
  /// Replayed dead letters are not waited for. When it passed, that is counted
  /// (InstanceStatus::idle_waits).
  std::int64_t max_task_idle_ms = 0;
  /// An input that is far behind the others is read first, for as long as that takes: how long the
  /// next record of another one waits meanwhile, at most, before what was read with it is taken
  /// too, before its time. 0: until the other has caught up. When it passed, that is counted
  /// (InstanceStatus::catch_up_waits).
  std::int64_t max_catch_up_wait_ms = 0;
  /// How long after its append a record of a repartition stays at least, although it was read, and
  /// a dead letter that was sent back, so that another run can read the same; at most
  /// longest_interval_ms. It raises `retention.ms` of these topics where the log removes what was
  /// read, and never lowers it: `millrace topics alter` does. 0: the topics stay as they are set.
  std::int64_t keep_for_shadow_ms = 0;
  ErrorAction on_deserialization_error = ErrorAction::dead_letter;
  ErrorAction on_processing_error = ErrorAction::dead_letter;
  std::string build = "dev";  ///< named in dead letters
};

/// For metrics and tools; a copy, any thread.
struct InstanceStatus {
  enum class TaskState : std::uint8_t { restoring, running };
  struct Task {
    std::string name;  ///< `<sub-topology>/<partition>`
    TaskState state = TaskState::restoring;
    std::int64_t records_left = 0;  ///< to restore
    std::int64_t lag = 0;           ///< records committed to its inputs and not yet processed
    /// Event time of the next record; while none of those that wait was read yet, the time of the
    /// last progress; -1: none waits.
    std::int64_t oldest_unprocessed_ms = -1;
    /// What a handler works on right now: `orders/2@17`, or `timer NAME`; empty: nothing.
    std::string in_hand;
  };
  std::vector<Task> tasks;
  std::vector<std::string> waiting_for_topics;  ///< inputs that do not exist yet
  std::uint64_t records = 0;
  std::uint64_t commits = 0;
  std::uint64_t refused_commits = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t skipped = 0;  ///< by types that no source reads: Instance::unknown_types()
  std::uint64_t late = 0;     ///< left out: their window was closed
  std::uint64_t failed_firings =
      0;                         ///< of timers, passed over: the handler threw or wrote too much
  std::uint64_t idle_waits = 0;  ///< max_task_idle_ms passed, and an input was still empty
  std::uint64_t catch_up_waits = 0;  ///< max_catch_up_wait_ms passed: later records went first
  /// Since something was committed or restored, or there was nothing to do.
  std::int64_t ms_since_progress = 0;
  /// Every task of ours is restored, and none that we lost is without an owner.
  bool ready = false;
};

/// `restoring`, `running`.
[[nodiscard]] std::string_view to_string(InstanceStatus::TaskState state);

/// How many records of one type a topic had that its source does not read (OnUnknownType).
struct UnknownTypeCount {
  std::string topic;
  /// The header `ce_type`, cut after 200 bytes and escaped (base's escaped()). `other`: of all
  /// types beyond the first 100 of the topic.
  std::string type;
  std::uint64_t records = 0;
};

/// One step of an instance.
struct StepResult {
  bool worked = false;  ///< something was processed, restored or changed: step again at once
  std::int64_t wake_at_ns = 0;  ///< when idle: no later than this (Clock::monotonic_ns), for timers
};

/// What the runtime reports: tasks granted and lost, restores, refused commits, dead letters.
/// Called from the stepping thread, and from the one that calls maintain().
using EventSink =
    std::function<void(Level level, std::string_view message, std::string_view detail)>;

/// A topology at work: the tasks that this member of the service's groups owns. Deterministic: it
/// acts only inside step(), which one thread at a time calls (the service's worker thread, a test,
/// or a simulation). Views and status() are open to any thread.
class Instance {
 public:
  struct Environment {
    Clock& clock;
    FileSystem& files;
    Random& random;
    EventSink events;  ///< may be empty
  };

  /// Makes the service's topics and joins its groups. `log` outlives the instance. errc as
  /// Log::create_topic and bad_topology; base's invalid_argument for an option out of its range.
  [[nodiscard]] static Result<std::unique_ptr<Instance>> open(log::Log& log, Topology topology,
                                                              InstanceOptions options,
                                                              Environment environment);
  /// Releases its tasks. What is not committed is dropped.
  ~Instance();

  /// One cycle: membership, restore, fetch, process, commit. An error ends the instance: the log
  /// failed or a policy said so.
  [[nodiscard]] Result<StepResult> step();
  /// Sleeps until there is something for step() to do, or until the time it asked for.
  /// Interruptible from any thread.
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
