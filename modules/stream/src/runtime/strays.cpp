// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/strays.hpp"

#include <utility>

#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::stream::runtime {

namespace {

// No part has a name with a slash.
constexpr std::string_view group_suffix = "/retry/unowned";

log::TopicPartition input_partition(const InHand& hand) {
  return {hand.input()->topic().topic.id, hand.partition()};
}

}  // namespace

Result<bool> Strays::reports(const InHand& hand, std::optional<std::string_view> owner) {
  MILLRACE_ASSIGN(const bool first, is_first_reader(hand));
  if (!first) return false;
  MILLRACE_ASSIGN(const bool reported, was_reported(hand));
  if (reported) return false;
  if (owner) {
    MILLRACE_ASSIGN(const bool taken, was_taken(std::string(*owner), hand));
    if (taken) return false;
  }
  in_hand_ = {input_partition(hand), hand.record()->offset.next()};
  return true;
}

// 0: it reads nothing, as long as it waits for one of its inputs.
Result<std::int32_t> Strays::partitions_of(const SubTopology& part) const {
  std::int32_t partitions = 0;
  for (const std::size_t index : part.sources) {
    const auto input = shared_->log.find_topic(shared_->topology.sources[index].topic);
    if (!input && input.error().is(log::errc::unknown_topic)) return 0;
    if (!input) return fail(input.error());
    partitions = input->spec.partitions;
  }
  return partitions;
}

// As SubTopologyMember has it: a part does not read the retry topic when its inputs have more
// partitions, and none that they do not have.
Result<bool> Strays::is_first_reader(const InHand& hand) const {
  const Plan& topology = shared_->topology;
  for (const SubTopology& part : topology.sub_topologies) {
    if (part.name == resolved_->spec->name) return true;
    MILLRACE_ASSIGN(const std::int32_t partitions, partitions_of(part));
    if (hand.partition().value < partitions && partitions <= shared_->retry->spec.partitions)
      return false;
  }
  return true;
}

Result<bool> Strays::was_reported(const InHand& hand) {
  const log::Offset offset = hand.record()->offset;
  if (offset < known_) return true;
  if (!group_) {
    MILLRACE_ASSIGN(group_,
                    shared_->log.group(shared_->topology.service + std::string(group_suffix)));
  }
  const auto position = shared_->log.position(*group_, input_partition(hand));
  // A cluster has forgotten it: better twice than never.
  if (!position && position.error().is(log::errc::out_of_range)) return false;
  if (!position) return fail(position.error());
  known_ = position->value_or(log::Offset{});
  return offset < known_;
}

// The name may be anybody's: a group is looked for, and not made.
Result<bool> Strays::was_taken(const std::string& owner, const InHand& hand) {
  const log::Offset offset = hand.record()->offset;
  if (owner != std::exchange(owner_, owner)) owner_next_ = {};
  if (offset < owner_next_) return true;
  const std::string name = shared_->topology.service + "/" + owner;
  MILLRACE_ASSIGN(const auto groups, log::find_groups(shared_->log, {.name = name}));
  for (const log::GroupInfo& group : groups) {
    for (const log::GroupInfo::Position& position : group.positions) {
      // One that has ended says nothing of what was taken.
      if (position.partition == input_partition(hand) && position.next != log::reads_no_more)
        owner_next_ = position.next;
    }
  }
  return offset < owner_next_;
}

void Strays::take() {
  if (in_hand_) reported_ = std::exchange(in_hand_, std::nullopt);
}

void Strays::stage(log::Transaction& transaction) const {
  if (reported_) transaction.set_position(group_.value(), reported_->partition, reported_->next);
}

}  // namespace millrace::stream::runtime
