// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/task.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::string_view state_key = "task";
// Of rest, before positions are committed that only passed over marks.
constexpr std::int64_t rest_ns = 1'000'000'000;
// Positions are committed again after this part of the time for which the log keeps them.
constexpr std::int64_t refreshes = 7;
}  // namespace

Task::Task(Shared& shared, const ResolvedSubTopology& resolved, log::Claim claim,
           log::PartitionId partition)
    : shared_(&shared),
      resolved_(&resolved),
      claim_(std::move(claim)),
      partition_(partition),
      stores_(shared.topology, resolved, partition),
      snapshot_(shared.environment.files, shared.options.state_directory, claim_.unit()),
      sources_(shared.topology.sources.size()),
      sender_(shared) {
  timer_prefix_.append(resolved.spec->name)
      .append(".")
      .append(std::to_string(partition.value))
      .append(".");
  for (const InputTopic& topic : resolved.inputs)
    inputs_.emplace_back(topic, resolved.spec->name, partition, inputs_.size());
}

Task::~Task() = default;

void Task::restart() {
  ready_.store(false, std::memory_order_release);
  drop();
  verdict_.reset();
  failed_firings_.clear();
  punctuators_ = {};
  restore_.reset();
  make_nodes();
}

void Task::make_nodes() {
  const SubTopology& sub = *resolved_->spec;
  nodes_.clear();
  nodes_.resize(shared_->topology.nodes.size());
  for (const NodeId id : sub.nodes)
    nodes_[static_cast<std::size_t>(id)] =
        shared_->topology.nodes[static_cast<std::size_t>(id)].make();
  for (const NodeId id : sub.nodes) {
    for (const NodeId parent : shared_->topology.nodes[static_cast<std::size_t>(id)].parents) {
      nodes_[static_cast<std::size_t>(parent)]->children.push_back(
          nodes_[static_cast<std::size_t>(id)].get());
    }
  }
  for (const std::size_t index : sub.sources) {
    const SourceSpec& spec = shared_->topology.sources[index];
    sources_[index].reset(
        new Source{SourceReader(spec), nodes_[static_cast<std::size_t>(spec.node)].get()});
  }
}

Status Task::begin_restore() {
  if (restore_ != nullptr) return {};
  auto begun = std::make_unique<Restore>(*shared_, *resolved_, partition_, claim_.unit(), stores_);
  MILLRACE_TRY(begun->begin(snapshot_));
  restore_ = std::move(begun);
  return {};
}

void Task::add_interests(std::vector<log::Interest>& interests) const {
  if (restore_ != nullptr) return restore_->add_interests(interests);
  for (const Input& input : inputs_)
    interests.push_back(input.interest());
}

Result<bool> Task::restore(std::size_t max_bytes) {
  MILLRACE_ASSIGN(const bool done, restore_->slice(max_bytes));
  if (!done) return false;
  MILLRACE_TRY(start_inputs());
  punctuators_.restore(restore_->take_state());
  system_next_ = restore_->system_next();
  shared_->tell("info", "task restored", claim_.unit() + ": " + restore_->summary());
  restore_.reset();
  MILLRACE_TRY(open_nodes());
  set_position(shared_->log.committed());
  last_snapshot_ns_ = shared_->environment.clock.monotonic_ns();
  ready_.store(true, std::memory_order_release);
  return true;
}

Status Task::start_inputs() {
  std::vector<log::TopicPartition> places;
  for (const Input& input : inputs_)
    places.push_back(input.place());
  MILLRACE_ASSIGN(const auto positions, shared_->log.positions(resolved_->group, places));
  MILLRACE_ASSIGN(const auto starts, shared_->log.start_offsets(places));
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    inputs_[i].start(positions[i].value_or(starts[i]));
  positions_kept_ns_ = idle_since_ns_ = -1;
  return {};
}

Status Task::open_nodes() {
  for (const NodeId id : resolved_->spec->nodes) {
    const NodeSpec& spec = shared_->topology.nodes[static_cast<std::size_t>(id)];
    const auto refused = [&](std::string_view why) {
      return fail(errc::handler_failed,
                  "opening " + spec.name + " in " + claim_.unit() + ": " + std::string(why));
    };
    try {
      nodes_[static_cast<std::size_t>(id)]->open(*this);
    } catch (const std::exception& thrown) {
      return refused(thrown.what());
    }
  }
  return {};
}

bool Task::has_work() const {
  return sent_ || positions_due_ || !passed_firings_.empty() || stores_.dirty() ||
         std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.moved(); });
}

void Task::stage() {
  log::Transaction& transaction = shared_->transaction;
  const std::int64_t time = std::max<std::int64_t>(0, punctuators_.stream_time_ms());
  stores_.write_changes(transaction, time);
  state_staged_ = resolved_->system && punctuators_.moved();
  if (state_staged_) {
    scratch_.clear();
    punctuators_.encode(scratch_);
    state_batch_ = transaction.batch_count();
    transaction.append({*resolved_->system, partition_},
                       log::Record{time, state_key, scratch_, {}});
  }
  for (const Input& input : inputs_) {
    if (positions_due_ || input.ahead())
      transaction.set_position(resolved_->group, input.place(), input.next());
  }
  transaction.require(claim_);
}

void Task::committed(const log::Committed& committed) {
  // First: an answer must never be newer than the position it carries.
  set_position(committed.position);
  stores_.apply(committed);
  for (Input& input : inputs_)
    input.commit();
  for (StoreSet::Entry& entry : stores_.entries()) {
    if (entry.changelog) continue;
    for (const Input& input : inputs_) {
      const auto& sources = input.topic().sources;
      const bool own = std::any_of(sources.begin(), sources.end(), [&](std::size_t s) {
        return shared_->topology.sources[s].table == entry.spec->id;
      });
      if (own) entry.next = input.next();
    }
  }
  if (state_staged_) {
    MILLRACE_ASSERT(state_batch_ < committed.places.size(),
                    "the log answers places in the order of the transaction's batches");
    system_next_ = committed.places[state_batch_].first.next();
  }
  punctuators_.commit();
  if (positions_due_) positions_kept_ns_ = shared_->environment.clock.monotonic_ns();
  shared_->records += uncommitted_records_;
  shared_->dead_lettered += dead_lettered_;
  shared_->skipped += skipped_;
  changed_since_snapshot_ = true;
  // Those that a later turn meets are still to be met.
  if (verdict_used_) verdict_.reset();
  for (const Firing& firing : passed_firings_)
    failed_firings_.erase(firing);
  forget_turn();
}

void Task::forget_turn() {
  passed_firings_.clear();
  verdict_used_ = sent_ = state_staged_ = positions_due_ = false;
  uncommitted_records_ = uncommitted_firings_ = dead_lettered_ = skipped_ = 0;
}

void Task::drop() {
  stores_.drop();
  punctuators_.rewind();
  for (Input& input : inputs_)
    input.rewind();
  forget_turn();
}

void Task::keep_positions(std::int64_t now_ns, bool idle) {
  if (!idle) idle_since_ns_ = -1;
  if (idle && idle_since_ns_ < 0) idle_since_ns_ = now_ns;
  const bool rested =
      idle && now_ns - idle_since_ns_ >= rest_ns &&
      std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.ahead(); });
  const auto retention_ms = shared_->log.position_retention_ms();
  const bool old =
      retention_ms && (positions_kept_ns_ < 0 ||
                       now_ns - positions_kept_ns_ >= *retention_ms * (1'000'000 / refreshes));
  positions_due_ = rested || old;
}

void Task::keep_snapshot(std::int64_t now_ns, bool now_or_never) {
  const bool has_state = resolved_->system || !stores_.entries().empty();
  if (!snapshot_.enabled() || !has_state || !ready() || !changed_since_snapshot_) return;
  if (!now_or_never &&
      now_ns - last_snapshot_ns_ < shared_->options.snapshot_interval_ms * 1'000'000)
    return;
  last_snapshot_ns_ = now_ns;
  changed_since_snapshot_ = false;
  SnapshotHead head{shared_->log.identity(), position(), system_next_, {}};
  if (resolved_->system) punctuators_.encode(head.task_state);
  std::string content;
  encode_snapshot(head, stores_, content);
  if (const Status written = snapshot_.write_aside(content, head.stamp); !written) {
    changed_since_snapshot_ = true;
    shared_->tell("warn", "snapshot not written",
                  claim_.unit() + ": " + written.error().to_string());
  }
}

void Task::publish_snapshot(log::LogPosition durable) {
  if (!snapshot_.waiting() || durable.position < snapshot_.waiting()->position) return;
  if (const Status published = snapshot_.publish(); !published) {
    shared_->tell("warn", "snapshot not published",
                  claim_.unit() + ": " + published.error().to_string());
  }
}

void Task::describe(InstanceStatus::Task& status) const {
  status.state = ready() ? "running" : "restoring";
  status.records_left = restore_ ? restore_->records_left() : 0;
  status.lag = 0;
  status.oldest_unprocessed_ms = -1;
  if (!ready()) return;
  for (const Input& input : inputs_) {
    status.lag += input.lag();
    const log::RecordView* head = input.head();
    if (head != nullptr &&
        (status.oldest_unprocessed_ms < 0 || head->timestamp_ms < status.oldest_unprocessed_ms)) {
      status.oldest_unprocessed_ms = head->timestamp_ms;
    }
  }
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
