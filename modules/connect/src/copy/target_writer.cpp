// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/target_writer.hpp"

#include <algorithm>

#include "copy/plan.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/stored_topic_id.hpp"

namespace millrace::connect {

namespace {

// A record of the map stays below the smallest usual limit of one, 1 MiB.
constexpr std::size_t step_bytes_max = 600'000;
constexpr std::size_t run_bytes = 32;
constexpr std::size_t line_bytes = 48;

// Another copier may have seen more of the source than we when we planned, and copied it. What the
// map names was in the past of the source when we looked at it.
std::optional<log::SeenLog> latest(const std::optional<log::SeenLog>& known,
                                   const std::optional<log::SeenLog>& seen) {
  const bool is_behind = known && seen && seen->position.position < known->position.position;
  return is_behind ? known : seen;
}

}  // namespace

TargetWriter::TargetWriter(log::Log& target, Clock& clock, CopySource source,
                           std::size_t transaction_bytes)
    : target_(target),
      clock_(clock),
      source_(std::move(source)),
      transaction_bytes_(transaction_bytes) {}

Result<std::unique_ptr<TargetWriter>> TargetWriter::open(log::Log& target, Clock& clock,
                                                         CopySource source,
                                                         std::size_t transaction_bytes) {
  std::unique_ptr<TargetWriter> writer(
      new TargetWriter(target, clock, std::move(source), transaction_bytes));
  SinkWriter::Options options;
  options.group = copy_group;
  options.task = copy_task;
  options.progress = {std::string(copy_map_topic), 1, log::TopicKind::private_topic, "millrace"};
  options.busy = "somebody else copies to this log now: try again when that is done";
  MILLRACE_ASSIGN(writer->sink_, SinkWriter::open(target, clock, std::move(options)));
  MILLRACE_TRY(writer->read_state());
  writer->begin_step();
  return writer;
}

// On a cluster the parts of the last step of an earlier copier are seen one after the other: its
// number, its record of the map and its records. Until all of them are, they do not agree.
Status TargetWriter::read_state() {
  Status disagreement;
  const auto agree = [&]() -> Result<bool> {
    MILLRACE_ASSIGN(const std::int64_t known, sink_->last_step());
    auto state = read_copy_state(target_, sink_->progress());
    if (!state && !state.error().is(errc::differs)) return fail(std::move(state).error());
    if (state && state->last_step == known) {
      state_ = *std::move(state);
      return true;
    }
    disagreement = state ? fail(errc::differs,
                                "the map of the copy (topic {}) has {} steps, but the position of "
                                "group {} is {}: copy to an empty log",
                                copy_map_topic, state->last_step, copy_group, known)
                         : fail(std::move(state).error());
    return false;
  };
  MILLRACE_ASSIGN(const bool agreed, sink_->wait_until(agree));
  return agreed ? Status{} : disagreement;
}

void TargetWriter::begin_step() {
  transaction_.clear();
  for (const std::size_t partition : step_partitions_)
    partitions_[partition].copied = -1;
  step_partitions_.clear();
  step_ = {};
  step_.number = state_.last_step + 1;
  step_.source = source_.log;
  step_.seen = latest(state_.seen, source_.seen);
  step_.landed = state_.landed;
  step_bytes_ = 0;
  for (const LandedPartition& landed : step_.landed)
    step_bytes_ += landed.partition.first.size() + line_bytes;
}

std::size_t TargetWriter::add_partition(const PartitionName& name, log::TopicPartition target,
                                        std::uint64_t source_id) {
  partitions_.push_back({name, target, source_id, -1});
  // An earlier build copied records and did not write of which topic.
  if (state_.map.contains(name)) add_topic(partitions_.back());
  return partitions_.size() - 1;
}

// Offsets say nothing of another topic that has the name later.
void TargetWriter::add_topic(const Partition& partition) {
  const NumberedTopic topic{partition.name.first, partition.source_id,
                            log::stored_topic_id(target_, partition.target.topic)};
  const bool known =
      (topic.source == 0 && topic.target == 0) || state_.topics.contains(topic.name) ||
      std::find(step_.topics.begin(), step_.topics.end(), topic) != step_.topics.end();
  if (known) return;
  step_.topics.push_back(topic);
  step_bytes_ += topic.name.size() + line_bytes;
}

void TargetWriter::add(std::size_t number, const log::RecordView& copy) {
  Partition& partition = partitions_[number];
  if (partition.copied < 0) {
    partition.copied = static_cast<std::int32_t>(step_.copied.size());
    step_.copied.push_back({partition.name, {}});
    step_partitions_.push_back(number);
    add_topic(partition);
    step_bytes_ += partition.name.first.size() + line_bytes;
  }
  std::vector<CopiedPartition::Run>& runs =
      step_.copied[static_cast<std::size_t>(partition.copied)].runs;
  if (!runs.empty() && runs.back().source + runs.back().count == copy.offset.value) {
    ++runs.back().count;
  } else {
    runs.push_back({copy.offset.value, 1});
    step_bytes_ += run_bytes;
  }
  transaction_.append(partition.target, copy);
}

Status TargetWriter::add(const CopiedPosition& position) {
  MILLRACE_ASSIGN(const log::GroupId group, target_.group(position.group));
  MILLRACE_ASSIGN(const log::TopicPartition partition, find_partition(target_, position.partition));
  transaction_.set_position(group, partition, log::offset(position.target));
  step_.positions.push_back(position);
  step_bytes_ += position.partition.first.size() + position.group.size() + 2 * line_bytes;
  return {};
}

bool TargetWriter::full() const {
  return transaction_.bytes() >= transaction_bytes_ || step_bytes_ >= step_bytes_max;
}

Status TargetWriter::commit() {
  const std::string text = encode_step(step_);
  const log::Record line{clock_.wall_ms(), std::string_view("step"), text, {}};
  MILLRACE_ASSIGN(const log::Committed committed, sink_->commit(transaction_, step_.number, line));
  MILLRACE_TRY(land(committed));
  MILLRACE_FAULT_POINT("copy.landed");
  begin_step();
  return {};
}

// Where a backend cannot say where the records stand they are looked up: no other program writes
// there.
Status TargetWriter::land(const log::Committed& committed) {
  state_.last_step = step_.number;
  state_.source = source_.log;
  if (step_.seen) state_.seen = step_.seen;
  for (const NumberedTopic& topic : step_.topics)
    state_.topics.emplace(topic.name, topic);
  state_.copied = std::move(step_.copied);
  state_.landed.clear();
  for (std::size_t i = 0; i < state_.copied.size(); ++i) {
    const CopiedPartition& copied = state_.copied[i];
    const log::TopicPartition partition = partitions_[step_partitions_[i]].target;
    const auto said = std::find_if(
        committed.partitions.begin(), committed.partitions.end(),
        [&](const log::Committed::Partition& one) { return one.partition == partition; });
    const log::Offset next = state_.target_next(copied.partition);
    std::optional<log::Offset> first;
    if (said != committed.partitions.end() && said->first >= next) {
      first = said->first;
    } else {
      MILLRACE_ASSIGN(const log::Offset start, target_.start_offset(partition));
      MILLRACE_ASSIGN(first, first_record(target_, partition, std::max(start, next)));
    }
    if (!first) {
      return fail(errc::differs, "{} of the target does not show what was committed to it",
                  to_string(copied.partition));
    }
    state_.land(copied, *first);
    state_.landed.push_back({copied.partition, first->value});
  }
  for (const CopiedPosition& position : step_.positions) {
    state_.positions.insert_or_assign({position.group, position.partition}, position);
  }
  return {};
}

}  // namespace millrace::connect
