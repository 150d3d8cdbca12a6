// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/task.hpp"

#include <algorithm>
#include <exception>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

Task::Task(Shared& shared, const ResolvedSubTopology& resolved, log::Claim claim,
           log::PartitionId partition)
    : shared_(&shared),
      resolved_(&resolved),
      claim_(std::move(claim)),
      partition_(partition),
      snapshots_(shared, claim_.task()),
      state_(shared, resolved, partition, claim_.task(), punctuators_, operator_times_),
      nodes_(shared, resolved),
      inputs_(shared, resolved, partition),
      staging_(shared, resolved, partition),
      sweeps_(shared, punctuators_, staging_.stores()),
      failures_(shared, resolved.spec->name),
      hand_(resolved.spec->name, claim_.task(), partition),
      calls_(shared, nodes_, staging_, failures_, punctuators_, operator_times_, hand_),
      record_work_([this] { return process_record(); }) {
  staging_.stores().change_only_while(calls_.is_in_work_item());
}

Task::~Task() = default;

Nodes::List Task::restart() {
  ready_.store(false, std::memory_order_release);
  drop();
  failures_.clear();
  punctuators_ = {};
  operator_times_ = {};
  restore_.reset();
  return nodes_.make();
}

Status Task::begin_restore() {
  if (restore_ != nullptr) return {};
  as_of_ms_ = wall_ms();
  auto begun =
      std::make_unique<Restore>(*shared_, *resolved_, partition_, claim_.task(), staging_.stores());
  MILLRACE_TRY(begun->begin(snapshots_.file()));
  restore_ = std::move(begun);
  return {};
}

void Task::add_interests(std::vector<log::Interest>& interests) const {
  if (restore_ != nullptr) return restore_->add_interests(interests);
  inputs_.add_interests(interests);
}

Result<bool> Task::restore(std::size_t max_bytes) {
  MILLRACE_ASSIGN(const bool done, restore_->slice(max_bytes));
  if (!done) return false;
  MILLRACE_TRY(inputs_.start());
  TaskState state = restore_->take_state();
  operator_times_.restore(state);
  punctuators_.restore(std::move(state));
  const log::Offset state_next = restore_->system_next();
  shared_->report(Level::info, "task restored", claim_.task() + ": " + restore_->summary());
  // Also when no record comes any more: the next restore is to replay less than this one.
  snapshots_.start(restore_->replayed(), restore_->is_whole());
  restore_.reset();
  {
    const TaskCalls::While opening = calls_.opening();
    MILLRACE_TRY(nodes_.open(calls_, claim_.task()));
  }
  MILLRACE_TRY(state_.start(state_next));
  shared_->largest_state_bytes = std::max(shared_->largest_state_bytes, state_bytes_max());
  set_position(shared_->log.committed());
  ready_.store(true, std::memory_order_release);
  return true;
}

Result<Turn> Task::run(std::size_t max_work_items) {
  MILLRACE_TRY(inputs_.fill());
  publish_oldest();
  turn_work_items_ = 0;
  staging_.begin_turn();
  sweeps_.begin_turn(max_work_items, inputs_.choose() != nullptr);
  const InHand::PutDown at_the_end(hand_);
  // Left over when the last turn was full: they go before whatever follows.
  MILLRACE_ASSIGN(bool room, fire_stream_timers(max_work_items));
  if (const auto due = punctuators_.next_wall_ms(); due && room) {
    const std::int64_t now = wall_ms();
    punctuators_.clamp_to(now);
    if (*due <= now) {
      MILLRACE_ASSIGN(room, fire_due(PunctuationType::wall_clock, now, max_work_items));
    }
  }
  if (room) {
    MILLRACE_ASSIGN(room, process_records(max_work_items));
  }
  if (!room) return Turn::full;
  return has_work() || punctuators_.sweeping() || inputs_.passes() ? Turn::worked : Turn::idle;
}

bool Task::turn_ends(std::size_t max_work_items) const {
  return uncommitted_work_items() >= max_work_items ||
         (turn_work_items_ > 0 && shared_->cycle_over.load(std::memory_order_relaxed));
}

// Each of these returns false when a work item has no room beside what the cycle has.
Result<bool> Task::process_records(std::size_t max_work_items) {
  while (!turn_ends(max_work_items)) {
    Input* const input = inputs_.choose();
    if (input == nullptr) return true;
    hand_.take(*input, *input->head());
    nodes_.begin();
    const std::int64_t time_before = punctuators_.stream_time_ms();
    MILLRACE_ASSIGN(const bool room, run_work_item(record_work_));
    if (!room) {
      punctuators_.set_back(time_before);
      return false;
    }
    inputs_.take(*input);
    nodes_.strays().take();
    nodes_.unknown_types().take();
    sweeps_.input_taken();
    ++uncommitted_records_;
    MILLRACE_ASSIGN(const bool timers_have_room, fire_stream_timers(max_work_items));
    if (!timers_have_room || inputs_.full()) return false;
    if (inputs_.is_behind(*input) || shared_->staged_bytes() >= shared_->options.max_commit_bytes)
      return true;
  }
  return true;
}

std::optional<Failure> Task::process_record() {
  if (auto failed = nodes_.read(hand_)) return failed;
  if (nodes_.left_out()) ++staging_.counts().skipped;
  if (nodes_.nothing_read()) return std::nullopt;
  punctuators_.observe(hand_.view().timestamp_ms);
  nodes_.process(calls_);
  return std::nullopt;
}

Result<bool> Task::fire_stream_timers(std::size_t max_work_items) {
  if (!punctuators_.stream_timer_due()) return true;
  return fire_due(PunctuationType::stream_time, punctuators_.stream_time_ms(), max_work_items);
}

Result<bool> Task::fire_due(PunctuationType type, std::int64_t now_ms, std::size_t max_work_items) {
  while (!turn_ends(max_work_items)) {
    Punctuators::Timer* const timer = punctuators_.next_due(type, now_ms);
    if (timer == nullptr) return true;
    const bool sweeps = timer->store.has_value();
    if (sweeps && sweeps_.had_share()) {
      punctuators_.end_part(*timer);
      continue;
    }
    MILLRACE_ASSIGN(const bool room,
                    sweeps ? sweep_part(*timer, now_ms, max_work_items) : fire(*timer, now_ms));
    if (!room) return false;
    if (has_work()) continue;
    // Nothing to take back, nothing worth a commit.
    punctuators_.keep();
    operator_times_.keep();
    uncommitted_firings_ = 0;
  }
  return true;
}

Result<bool> Task::fire(Punctuators::Timer& timer, std::int64_t now_ms) {
  const TaskState::Timer before = timer.now;
  punctuators_.advance(timer, now_ms);
  take_in_hand(timer, now_ms);
  MILLRACE_ASSIGN(const bool room, run_work_item([&]() -> std::optional<Failure> {
                    timer.callback(now_ms);
                    return std::nullopt;
                  }));
  if (!room) {
    punctuators_.set_back(timer, before);
    return false;
  }
  ++uncommitted_firings_;
  return true;
}

void Task::take_in_hand(const Punctuators::Timer& timer, std::int64_t now_ms,
                        const std::string* visited) {
  const std::int64_t stream_time = punctuators_.stream_time_ms();
  hand_.take(timer, stream_time == no_time ? now_ms : stream_time, visited);
}

// Each entry is a work item. The rest of a long walk is left to later turns, so that input is
// processed between its parts.
Result<bool> Task::sweep_part(Punctuators::Timer& timer, std::int64_t now_ms,
                              std::size_t max_work_items) {
  sweeps_.begin_part(timer, now_ms);
  while (const std::string* const key = sweeps_.next_key(timer)) {
    if (turn_ends(max_work_items) || sweeps_.had_share()) return true;
    MILLRACE_ASSIGN(const bool room, visit(timer, *key, now_ms));
    if (!room) return false;
  }
  if (!timer.now.sweeping) failures_.walk_ended(timer.name);
  return true;
}

Result<bool> Task::visit(Punctuators::Timer& timer, const std::string& key, std::int64_t now_ms) {
  const TaskState::Timer before = timer.now;
  sweeps_.begin_visit(timer, uncommitted_records_ > 0);
  take_in_hand(timer, now_ms, &key);
  MILLRACE_ASSIGN(const bool room, run_work_item([&]() -> std::optional<Failure> {
                    // An earlier visit may have changed or erased it.
                    if (const auto value = calls_.store(*timer.store).get(key))
                      timer.visit(key, *value, now_ms);
                    return std::nullopt;
                  }));
  if (!room) {
    punctuators_.set_back(timer, before);
    return false;
  }
  ++uncommitted_firings_;
  return true;
}

// Runs the work item in hand. What it did is kept; or taken back, and then its failure settled.
// False when that has no room, and nothing is kept.
Result<bool> Task::run_work_item(const Work& work) {
  const std::int64_t time_before = punctuators_.stream_time_ms();
  const TaskCalls::While in_work_item = calls_.in_work_item();
  staging_.begin(hand_);
  operator_times_.savepoint();
  failures_.begin();
  if (const std::optional<Failure> failure = attempt(work)) {
    staging_.discard();
    failures_.begin();
    punctuators_.set_back(time_before);
    operator_times_.rollback();
    MILLRACE_TRY(failures_.settle(hand_, *failure, staging_.outbox(), staging_.counts()));
    nodes_.keep_tables(hand_, staging_.stores());
  }
  if (!staging_.keep()) {
    operator_times_.rollback();
    return false;
  }
  failures_.keep(hand_);
  ++turn_work_items_;
  hand_.copy_id(last_work_item_);
  return true;
}

std::optional<Failure> Task::attempt(const Work& work) {
  const ErrorAction policy = shared_->options.on_processing_error;
  if (auto refusal = failures_.refusal(hand_)) return refusal;
  std::optional<Failure> failure;
  try {
    failure = work();
  } catch (const SimulatedDeath&) {
    throw;
  } catch (const std::exception& thrown) {
    failure = Failure{policy, errc::handler_failed, thrown.what()};
  } catch (...) {
    failure = Failure{policy, errc::handler_failed, "an exception that is no std::exception"};
  }
  if (failure && !staging_.refused()) return failure;
  // A handler may have thrown because of it, or caught it.
  if (const Status checked = staging_.check(hand_); !checked)
    return Failure{policy, checked.error().code(), checked.error().message()};
  return failure;
}

bool Task::has_work() const {
  return staging_.has_changes() || inputs_.positions_due() || state_.times_due() || inputs_.moved();
}

void Task::stage() {
  log::Transaction& transaction = shared_->transaction;
  const std::int64_t time = std::max<std::int64_t>(0, punctuators_.stream_time_ms());
  staging_.write(time);
  staged_ms_ = wall_ms();
  state_.stage(time);
  inputs_.stage(transaction, time);
  nodes_.strays().stage(transaction);
  transaction.require(claim_);
}

void Task::committed(const log::Committed& committed) {
  // First: an answer must never be newer than the position it carries.
  set_position(committed.position);
  const WorkItemCounts counts = staging_.kept_counts();
  staging_.committed(committed);
  as_of_ms_ = staged_ms_;
  inputs_.committed(shared_->environment.clock.monotonic_ns());
  publish_oldest();
  keep_table_positions();
  state_.committed(committed);
  punctuators_.commit();
  operator_times_.commit();
  nodes_.unknown_types().committed();
  shared_->records += uncommitted_records_;
  shared_->dead_lettered += counts.dead_letters;
  shared_->skipped += counts.skipped;
  shared_->late += counts.late;
  shared_->failed_firings += counts.failed_firings;
  snapshots_.changed();
  failures_.committed();
  forget_turn();
}

// A store whose source is its changelog is as far as that input.
void Task::keep_table_positions() {
  for (StoreSet::Entry& entry : staging_.stores().entries()) {
    if (entry.changelog) continue;
    for (const Input& input : inputs_.list()) {
      const auto& sources = input.topic().sources;
      const bool own = std::any_of(sources.begin(), sources.end(), [&](std::size_t s) {
        return shared_->topology.sources[s].table == entry.spec->id;
      });
      if (own) entry.next = input.next();
    }
  }
}

void Task::forget_turn() {
  nodes_.strays().forget();
  nodes_.unknown_types().forget();
  uncommitted_records_ = uncommitted_firings_ = 0;
}

void Task::drop() {
  staging_.drop();
  punctuators_.rewind();
  operator_times_.rewind();
  inputs_.rewind();
  failures_.drop();
  state_.drop();
  forget_turn();
}

void Task::keep_positions(std::int64_t now_ns, bool idle) {
  inputs_.keep_positions(now_ns, idle);
  state_.keep_times(now_ns);
}

void Task::keep_snapshot(std::int64_t now_ns, bool now_or_never) {
  const bool has_state = resolved_->system || !staging_.stores().entries().empty();
  if (!has_state || !ready() || !snapshots_.due(now_ns, now_or_never)) return;
  SnapshotHead head{
      shared_->log.identity(), shared_->log.lineage(), position(), as_of_ms_, state_.next(), {}};
  if (resolved_->system) state_.encode(head.task_state);
  snapshots_.write(head, staging_.stores(), now_ns);
}

void Task::describe(InstanceStatus::Task& status) const {
  status.state =
      ready() ? InstanceStatus::TaskState::running : InstanceStatus::TaskState::restoring;
  status.records_left = restore_ ? restore_->records_left() : 0;
  status.lag = 0;
  status.oldest_unprocessed_ms = -1;
  if (ready()) inputs_.describe(status);
}

std::vector<log::Interest> Task::reached() const {
  std::vector<log::Interest> reached;
  for (const Input& input : inputs_.list())
    reached.push_back({input.partition(), input.next()});
  return reached;
}

void Task::publish_oldest() {
  std::int64_t oldest_ms = -1;
  for (const Input& input : inputs_.list()) {
    if (input.head() == nullptr) continue;
    const std::int64_t time_ms = input.head()->timestamp_ms;
    if (oldest_ms < 0 || time_ms < oldest_ms) oldest_ms = time_ms;
  }
  oldest_ms_ = oldest_ms;
}

log::LogPosition Task::position() const {
  const MutexLock lock(position_mutex_);
  return position_;
}

void Task::set_position(log::LogPosition position) {
  const MutexLock lock(position_mutex_);
  position_ = position;
}

}  // namespace millrace::stream::runtime
