// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/inputs.hpp"

#include <algorithm>

#include "millrace/base/interval.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream::runtime {

namespace {

// Of rest, before positions are committed that only passed over transaction markers.
constexpr std::int64_t rest_ns = 1'000'000'000;
// Positions are committed again after this part of the time for which the log keeps them.
constexpr std::int64_t refreshes = 7;
// Of ranges that are passed over, in a turn.
constexpr int reads_max = 16;

}  // namespace

Inputs::Inputs(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition)
    : shared_(&shared),
      max_idle_ns_(ns_of_ms(shared.options.max_task_idle_ms)),
      max_catch_up_ns_(ns_of_ms(shared.options.max_catch_up_wait_ms)),
      group_(resolved.group),
      resolved_(&resolved),
      partition_(partition) {
  for (const InputTopic& topic : resolved.inputs)
    inputs_.emplace_back(topic, resolved.spec->name, partition, inputs_.size());
  if (!resolved.ranges || shared.lost_ranges.has(ranges_topic())) return;
  recorder_.emplace(inputs_, log::TopicPartition{*resolved.ranges, partition});
  // Beside timers, which may take half of a transaction.
  const std::size_t bytes_max =
      std::min(shared.log.options().max_record_bytes, shared.transaction_bytes_max() / 4);
  if (recorder_->bytes_max() > bytes_max) recorder_.reset();
}

std::string Inputs::ranges_topic() const {
  return input_ranges_topic(shared_->topology.service, resolved_->spec->name);
}

// Records of a repartition stay until its readers that have a position there have passed them. So
// an instance died before it looked at what was removed until its position was committed; or the
// part comes back, and had read nothing of the partition when another one did.
Error Inputs::removed_error(const Input& input, std::optional<log::Offset> position,
                            log::Offset start) const {
  const Plan& topology = shared_->topology;
  const SubTopology& part = *resolved_->spec;
  const std::string store =
      part.stores.empty()
          ? "`, which rebuilds all parts"
          : " --store " + topology.stores[static_cast<std::size_t>(part.stores.front())].name + "`";
  const std::string standing =
      position ? " is at offset " + std::to_string(position->value) : " has no position";
  return {log::errc::out_of_range,
          "part " + part.name + " of service " + topology.service + standing + " in topic " +
              input.topic().topic.spec.name + ", partition " + std::to_string(partition_.value) +
              ", which begins at offset " + std::to_string(start.value) +
              ": what it is to read was removed. Stop all instances and have the part rebuilt: "
              "`millrace topology reset " +
              topology.service + store};
}

Status Inputs::start() {
  log::Log& log = shared_->log;
  std::vector<log::TopicPartition> partitions;
  for (const Input& input : inputs_)
    partitions.push_back(input.partition());
  MILLRACE_ASSIGN(const auto positions, log.positions(group_, partitions));
  if (std::find(positions.begin(), positions.end(), log::reads_no_more) != positions.end()) {
    return fail(errc::topology_changed,
                "part {} of service {} was reset, or migrated to another part: this instance works "
                "on nothing of the service any more; start it again",
                resolved_->spec->name, shared_->topology.service);
  }
  MILLRACE_ASSIGN(const auto starts, log.start_offsets(partitions));
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const bool is_kept =
        !log.position_retention_ms() && log::is_repartition(inputs_[i].topic().topic.spec);
    if (is_kept && positions[i].value_or(log::Offset{}) < starts[i])
      return fail(removed_error(inputs_[i], positions[i], starts[i]));
    inputs_[i].start(positions[i].value_or(starts[i]));
  }
  positions_kept_ns_ = idle_since_ns_ = waits_since_ns_ = -1;
  held_until_ns_.reset();
  gave_up_ = false;
  overdue_ = nullptr;
  if (recorder_) {
    std::vector<bool> taken;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      taken.push_back(!inputs_[i].topic().is_retry && inputs_[i].next() > starts[i]);
    recorder_->start(taken);
  }
  MILLRACE_ASSIGN(earlier_, EarlierRanges::open(*shared_, *resolved_, partition_, inputs_));
  follows_ = earlier_ != nullptr && !earlier_->done();
  passes_ = false;
  return {};
}

Status Inputs::fill() {
  log::Log& log = shared_->log;
  const log::LogPosition cut = log.committed();
  ++turn_;
  for (Input& input : inputs_)
    MILLRACE_TRY(input.fill(log, shared_->options.fetch_bytes, cut, turn_));
  if (follows_) {
    MILLRACE_TRY(fill_earlier());
  }
  if (follows_ || (max_idle_ns_ == 0 && max_catch_up_ns_ == 0)) return {};
  const std::int64_t now_ns = shared_->environment.clock.monotonic_ns();
  if (max_idle_ns_ > 0) wait_for_empty(now_ns);
  if (max_catch_up_ns_ > 0) find_overdue(now_ns);
  return {};
}

// An input that has more is not empty: fill() has fetched it.
void Inputs::wait_for_empty(std::int64_t now_ns) {
  bool at_hand = false;
  bool empty = false;
  for (const Input& input : inputs_) {
    if (input.head() != nullptr) {
      at_hand = true;
    } else if (!input.topic().is_retry) {
      empty = true;
    }
  }
  held_until_ns_.reset();
  if (!at_hand || !empty) {
    waits_since_ns_ = -1;
    gave_up_ = false;
    return;
  }
  if (gave_up_) return;
  if (waits_since_ns_ < 0) waits_since_ns_ = now_ns;
  if (now_ns - waits_since_ns_ < max_idle_ns_) {
    held_until_ns_ = saturating_add(waits_since_ns_, max_idle_ns_);
    return;
  }
  gave_up_ = true;
  ++shared_->idle_waits;
}

// Heads that wait as long as the first one wait for something else, such as room on the disk.
void Inputs::find_overdue(std::int64_t now_ns) {
  overdue_ = nullptr;
  std::int64_t longest_ns = 0;
  for (Input& input : inputs_) {
    const std::int64_t waits_ns = input.head_waits_ns(now_ns);
    if (waits_ns >= max_catch_up_ns_ && waits_ns > longest_ns) {
      overdue_ = &input;
      longest_ns = waits_ns;
    }
  }
  if (overdue_ == nullptr || held_until_ns_) return;
  Input* const first = first_by_time();
  if (first == overdue_ || first->head_waits_ns(now_ns) >= longest_ns) {
    overdue_ = nullptr;
  } else {
    ++shared_->catch_up_waits;
  }
}

// Passes over ranges that are taken already, so that a turn does something if there is anything.
Status Inputs::fill_earlier() {
  passes_ = false;
  for (int reads = 0; reads < reads_max; ++reads) {
    MILLRACE_TRY(earlier_->fill());
    if (earlier_->done()) {
      follows_ = false;
      shared_->report(Level::info, "what was taken before the reset is taken again",
                      resolved_->spec->name + "/" + std::to_string(partition_.value));
      return {};
    }
    if (choose_as_before() != nullptr || earlier_->end() != nullptr) return {};
  }
  passes_ = true;
  return {};
}

bool Inputs::has_reached(const Input& input, log::Offset end) const {
  if (input.head() != nullptr) return input.head()->offset >= end;
  // At its end there may be offsets without records.
  return input.interest().next >= end || (!input.starved() && !input.filled_before(turn_));
}

// Of the range under way, the first by time. Null: that, or the range, is not at hand, or there is
// none any more.
Input* Inputs::choose_as_before() {
  for (; const EarlierRanges::End* const end = earlier_->end(); earlier_->next()) {
    Input* best = nullptr;
    bool within = false;
    for (Input& input : inputs_) {
      const auto& limit = (*end)[input.order()];
      if (limit && has_reached(input, *limit)) continue;
      if (input.head() == nullptr) {
        if (limit) return nullptr;
        continue;
      }
      within |= limit.has_value();
      if (best == nullptr || goes_before(input, *best)) best = &input;
    }
    if (within) return best;
  }
  return nullptr;
}

Input* Inputs::choose() {
  if (follows_) {
    Input* const next = choose_as_before();
    if (next != nullptr || !earlier_->done()) return next;
  }
  if (held_until_ns_) return nullptr;
  if (overdue_ != nullptr && overdue_->head() != nullptr) return overdue_;
  return first_by_time();
}

Input* Inputs::first_by_time() {
  Input* best = nullptr;
  for (Input& input : inputs_) {
    if (input.head() != nullptr && (best == nullptr || goes_before(input, *best))) best = &input;
  }
  return best;
}

bool Inputs::moved() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const Input& input) { return input.moved(); }) ||
         (earlier_ != nullptr && earlier_->to_be_committed() && !shared_->without_ranges);
}

void Inputs::keep_positions(std::int64_t now_ns, bool idle) {
  if (!idle) idle_since_ns_ = -1;
  if (idle && idle_since_ns_ < 0) idle_since_ns_ = now_ns;
  const bool rested =
      idle && now_ns - idle_since_ns_ >= rest_ns &&
      std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.ahead(); });
  const auto retention_ms = shared_->log.position_retention_ms();
  const bool old =
      retention_ms && (positions_kept_ns_ < 0 ||
                       now_ns - positions_kept_ns_ >= ns_of_ms(*retention_ms) / refreshes);
  positions_due_ = rested || old;
}

bool Inputs::stages_ranges() const {
  return (recorder_ && recorder_->has_ranges()) ||
         (earlier_ != nullptr && earlier_->stages(positions_due_));
}

void Inputs::stage(log::Transaction& transaction, std::int64_t time_ms) const {
  if (!shared_->without_ranges) {
    if (recorder_) recorder_->stage(transaction, time_ms);
    if (earlier_ != nullptr) earlier_->stage(transaction, positions_due_);
  }
  for (const Input& input : inputs_) {
    if (positions_due_ || input.ahead())
      transaction.set_position(group_, input.partition(), input.next());
  }
}

void Inputs::give_up_ranges(const Error& error) {
  if (recorder_ && recorder_->has_ranges()) {
    shared_->lost_ranges.give_up(
        *shared_, ranges_topic(), error,
        "the order in which part " + resolved_->spec->name +
            " takes its inputs is not kept from now on, and a rebuild takes them by time");
    recorder_.reset();
  }
  if (earlier_ != nullptr && earlier_->stages(positions_due_)) earlier_->stop_keeping(error);
}

void Inputs::committed(std::int64_t now_ns) {
  if (shared_->without_ranges) give_up_ranges(*shared_->without_ranges);
  for (Input& input : inputs_)
    input.commit();
  if (recorder_) recorder_->commit();
  if (earlier_ != nullptr) earlier_->committed();
  if (positions_due_) positions_kept_ns_ = now_ns;
  positions_due_ = false;
}

void Inputs::rewind() {
  for (Input& input : inputs_)
    input.rewind();
  if (recorder_) recorder_->rewind();
  if (earlier_ != nullptr) earlier_->rewind();
  positions_due_ = false;
}

void Inputs::add_interests(std::vector<log::Interest>& interests) const {
  if (follows_) earlier_->add_interests(interests);
  for (const Input& input : inputs_) {
    // What has a record at hand while all wait for another has news that nobody takes.
    if (!held_until_ns_ || input.head() == nullptr) interests.push_back(input.interest());
  }
}

void Inputs::describe(InstanceStatus::Task& status) const {
  for (const Input& input : inputs_) {
    status.lag += input.lag();
    const log::RecordView* head = input.head();
    if (head != nullptr &&
        (status.oldest_unprocessed_ms < 0 || head->timestamp_ms < status.oldest_unprocessed_ms)) {
      status.oldest_unprocessed_ms = head->timestamp_ms;
    }
  }
}

}  // namespace millrace::stream::runtime
