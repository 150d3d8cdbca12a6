// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/input.hpp"
#include "runtime/punctuators.hpp"
#include "runtime/restore.hpp"
#include "runtime/sender.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/source_reader.hpp"
#include "runtime/store_set.hpp"

namespace millrace::stream::runtime {

/// How a task's turn in a cycle went.
enum class Turn : std::uint8_t {
  idle,    ///< nothing to do
  worked,  ///< it has something to commit
  failed   ///< a handler failed: drop what all tasks did since the last commit; the task knows what
           ///< to do about it next time
};

/// One sub-topology for one partition: nodes, stores, inputs, timers. Restored first, then run by
/// turns. What a turn does becomes real by stage() and committed(), or is taken back by drop(). One
/// thread, that of step(); what says so is open to any.
class Task final : public TaskContext {
 public:
  Task(Shared& shared, const ResolvedSubTopology& resolved, log::Claim claim,
       log::PartitionId partition);
  ~Task() override;

  /// Forgets everything: begin_restore() comes next. Also when what was committed is not known.
  void restart();
  /// Finds out what there is to restore, unless that is known. Failures of the log, after which it
  /// may be called again.
  [[nodiscard]] Status begin_restore();
  /// Restores about that much; true when the task may run. Failures as begin_restore();
  /// errc::handler_failed when a node cannot be opened.
  [[nodiscard]] Result<bool> restore(std::size_t max_bytes);

  /// Fires what is due and processes what is there: `max_units` firings and records at most, the
  /// rest in the next turn and in the same order. Failures of the log, or of a handler whose policy
  /// is to fail.
  [[nodiscard]] Result<Turn> run(std::size_t max_units);
  /// There is something to commit. Firings without effect alone are not: they are journaled with
  /// the next commit.
  [[nodiscard]] bool has_work() const;
  /// Adds state changes, positions and claim to the transaction.
  void stage();
  void committed(const log::Committed& committed);
  void drop();
  /// Sees to it that positions are committed which no record moves any more: those that passed
  /// over the last transaction's mark, and those that the log would forget. `idle`: this turn did
  /// nothing.
  void keep_positions(std::int64_t now_ns, bool idle);
  /// Records processed and timers fired since the last commit.
  [[nodiscard]] std::size_t uncommitted_units() const {
    return uncommitted_records_ + uncommitted_firings_;
  }
  /// The one record or firing since the last commit cannot be committed: it is treated as one whose
  /// handler failed. `error` again when it is a firing and the policy is to fail.
  [[nodiscard]] Status blame_last(const Error& error);

  /// Writes a snapshot aside when it is due (or asked for) and something changed; publishes it when
  /// its position is durable. A failure is told, and tried again at the next interval.
  void keep_snapshot(std::int64_t now_ns, bool now_or_never);
  [[nodiscard]] std::optional<log::LogPosition> unpublished_snapshot() const {
    return snapshot_.waiting();
  }
  void publish_snapshot(log::LogPosition durable);
  /// The task goes to another member.
  void remove_snapshot() { snapshot_.remove(); }

  [[nodiscard]] const log::Claim& claim() const { return claim_; }
  [[nodiscard]] const ResolvedSubTopology& resolved() const { return *resolved_; }
  /// Adds the places that it reads next.
  void add_interests(std::vector<log::Interest>& interests) const;
  [[nodiscard]] std::optional<std::int64_t> next_wall_ms() const {
    return punctuators_.next_wall_ms();
  }
  void describe(InstanceStatus::Task& status) const;

  // Any thread, while the task lives.
  [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }
  [[nodiscard]] const ByteStore* find_store(StoreId id) const { return stores_.find(id); }
  /// The last commit that the stores reflect, or a later one.
  [[nodiscard]] log::LogPosition position() const;

  // TaskContext
  [[nodiscard]] const RecordInHand& record() const override { return hand_; }
  [[nodiscard]] std::int64_t stream_time_ms() const override {
    return punctuators_.stream_time_ms();
  }
  [[nodiscard]] std::int64_t wall_ms() const override {
    return shared_->environment.clock.wall_ms();
  }
  [[nodiscard]] log::PartitionId partition() const override { return partition_; }
  [[nodiscard]] ByteStore& store(StoreId id) override;
  void forward(NodeId to, const Message& message) override {
    nodes_[static_cast<std::size_t>(to)]->process(message, *this);
  }
  void send(const SinkSpec& sink, const Message& message) override;
  void dead_letter(ErrorCode code, std::string_view reason) override;
  void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                std::function<void(std::int64_t)> callback) override;
  void with_context(const RememberedContext& context, const std::function<void()>& fn) override;

 private:
  struct Source {
    SourceReader reader;
    Node* node;
  };
  using Firing = std::pair<std::string, std::uint64_t>;  // a timer's name and the firing's number
  // A handler failed on this record: next time it goes where the policy says, unprocessed.
  struct Verdict {
    log::TopicPartition place;
    log::Offset offset;
    ErrorCode code;
    std::string reason;
    bool without_value = false;  // the dead letter itself was too large
  };

  void forget_turn();
  void make_nodes();
  [[nodiscard]] Status start_inputs();
  [[nodiscard]] Status open_nodes();
  [[nodiscard]] Result<Turn> process(std::size_t max_units);
  [[nodiscard]] Input* choose();
  [[nodiscard]] bool is_judged(const Input& input, const log::RecordView& record) const;
  [[nodiscard]] Status process_record(Input& input, const log::RecordView& record);
  [[nodiscard]] Status deliver(const std::vector<std::size_t>& sources,
                               const log::RecordView& record);
  [[nodiscard]] Status deliver_replayed(const log::RecordView& record);
  void keep_tables(const std::vector<std::size_t>& sources, const log::RecordView& record);
  [[nodiscard]] Status refuse(ErrorAction action, ErrorCode code, std::string_view reason);
  void send_dead_letter(ErrorCode code, std::string_view reason);
  [[nodiscard]] Result<Turn> handler_failed(std::string_view reason);
  void fire_due(PunctuationType type, std::int64_t now_ms, std::size_t max_units);
  void fire(Punctuators::Timer& timer, std::int64_t now_ms);
  [[nodiscard]] std::string place_in_hand() const;
  void set_position(log::LogPosition position);

  Shared* shared_;
  const ResolvedSubTopology* resolved_;
  log::Claim claim_;
  log::PartitionId partition_;
  std::string timer_prefix_;  // `<sub-topology>.<partition>.`
  StoreSet stores_;
  SnapshotFile snapshot_;
  std::unique_ptr<Restore> restore_;
  Punctuators punctuators_;
  std::vector<std::unique_ptr<Node>> nodes_;  // by NodeId; null for those of other sub-topologies
  std::vector<std::unique_ptr<Source>> sources_;  // by index in Topology::sources
  std::vector<Input> inputs_;
  std::uint64_t turn_ = 0;
  Sender sender_;

  RecordInHand hand_;
  Input* input_in_hand_ = nullptr;
  const log::RecordView* record_in_hand_ = nullptr;  // null during a punctuation
  const Punctuators::Timer* timer_in_hand_ = nullptr;
  std::string timer_id_prefix_;
  std::vector<std::pair<Node*, Message>> readings_;  // of the record in hand
  TableChange change_;
  std::optional<Verdict> verdict_;
  bool verdict_used_ = false;  // since the last commit
  // To be passed over, and those that were since the last commit. Several may fail one after
  // another in the same turn.
  std::set<Firing> failed_firings_;
  std::set<Firing> passed_firings_;
  Firing last_firing_;

  bool sent_ = false;  // something is in the transaction
  bool positions_due_ = false;
  std::int64_t idle_since_ns_ = -1;
  std::int64_t positions_kept_ns_ = -1;  // when all of them were committed last; -1: not by us
  std::size_t uncommitted_records_ = 0;
  std::size_t uncommitted_firings_ = 0;  // those that had an effect, or came with records
  std::uint64_t dead_lettered_ = 0;      // since the last commit
  std::uint64_t skipped_ = 0;
  bool state_staged_ = false;
  std::size_t state_batch_ = 0;
  log::Offset system_next_;
  bool changed_since_snapshot_ = false;
  std::int64_t last_snapshot_ns_ = 0;
  std::string scratch_;

  std::atomic<bool> ready_ = false;
  mutable Mutex position_mutex_;
  log::LogPosition position_ MILLRACE_GUARDED_BY(position_mutex_);
};

}  // namespace millrace::stream::runtime
