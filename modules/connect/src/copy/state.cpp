// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/state.hpp"

#include <algorithm>

#include "copy/plan.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::connect {

namespace {

constexpr std::size_t fetch_bytes = 1U << 20U;

// The end of a map that a death left may not say where its last step landed; the target does.
Status find_landed(log::Log& target, CopyState& state) {
  for (const CopiedPartition& copied : state.copied) {
    MILLRACE_ASSIGN(const log::TopicPartition partition, find_partition(target, copied.partition));
    MILLRACE_ASSIGN(const log::Offset start, target.start_offset(partition));
    const log::Offset from = std::max(start, state.target_next(copied.partition));
    MILLRACE_ASSIGN(const auto first, first_record(target, partition, from));
    if (!first) {
      return fail(errc::differs,
                  "{} of the target ends at {}, though its map says that more was copied",
                  to_string(copied.partition), from.value);
    }
    state.land(copied, *first);
    state.landed.push_back({copied.partition, first->value});
  }
  return {};
}

}  // namespace

void CopyState::land(const CopiedPartition& partition, log::Offset first) {
  std::int64_t target = first.value;
  for (const CopiedPartition::Run& run : partition.runs) {
    map[partition.partition].add({run.source, target, run.count});
    target += run.count;
  }
}

log::Offset CopyState::target_next(const PartitionName& partition) const {
  const auto found = map.find(partition);
  return found == map.end() ? log::Offset{} : found->second.target_next();
}

Status CopyState::apply(CopyStep step) {
  const auto broken = [&](const std::string& why) {
    return fail(errc::differs, "step {} of the copy's map does not follow step {}: {}", step.number,
                last_step, why);
  };
  if (step.number != last_step + 1) return broken("there are others between");
  if (step.landed.size() != copied.size()) return broken("it speaks of other partitions");
  for (std::size_t i = 0; i < copied.size(); ++i) {
    if (step.landed[i].partition != copied[i].partition)
      return broken("it speaks of other partitions");
    std::int64_t source_next = map[copied[i].partition].source_next().value;
    bool rises = step.landed[i].first >= target_next(copied[i].partition).value;
    for (const CopiedPartition::Run& run : copied[i].runs) {
      rises = rises && run.source >= source_next;
      source_next = run.source + run.count;
    }
    if (!rises) return broken("the offsets of " + to_string(copied[i].partition) + " do not rise");
    land(copied[i], log::offset(step.landed[i].first));
  }
  for (const NumberedTopic& topic : step.topics) {
    const auto known = topics.emplace(topic.name, topic).first;
    if (known->second != topic)
      return broken("topic " + topic.name + " is another one than before");
  }
  copied = std::move(step.copied);
  last_step = step.number;
  source = std::move(step.source);
  if (step.seen) seen = step.seen;
  for (CopiedPosition& position : step.positions) {
    std::pair key(position.group, position.partition);
    positions.insert_or_assign(std::move(key), std::move(position));
  }
  return {};
}

Result<std::optional<log::TopicPartition>> find_copy_map(log::Log& target) {
  Result<log::Topic> found = target.find_topic(copy_map_topic);
  if (found) return std::optional(log::TopicPartition{found->id, log::partition(0)});
  if (found.error().is(log::errc::unknown_topic)) return std::optional<log::TopicPartition>();
  return fail(std::move(found).error());
}

Result<CopyState> read_copy_state(log::Log& target, log::TopicPartition map) {
  CopyState state;
  MILLRACE_ASSIGN(log::Offset next, target.start_offset(map));
  MILLRACE_ASSIGN(const log::Offset end, target.end_offset(map));
  log::FetchBuffer buffer;
  while (next < end) {
    MILLRACE_TRY(target.fetch(map, next, fetch_bytes, buffer));
    if (buffer.records.empty() && buffer.next <= next) break;
    for (const log::RecordView& record : buffer.records) {
      MILLRACE_ASSIGN(CopyStep step, decode_step(record.value.value_or(std::string_view())));
      MILLRACE_TRY(state.apply(std::move(step)));
    }
    next = buffer.next;
    MILLRACE_TRY(target.maintain());
  }
  MILLRACE_TRY(find_landed(target, state));
  return state;
}

Result<std::optional<log::Offset>> first_record(log::Log& log, log::TopicPartition partition,
                                                log::Offset from) {
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
  log::FetchBuffer buffer;
  while (from < end) {
    MILLRACE_TRY(log.fetch(partition, from, 1, buffer));
    if (!buffer.records.empty()) return std::optional(buffer.records.front().offset);
    if (buffer.next <= from) break;
    from = buffer.next;
  }
  return std::optional<log::Offset>();
}

Result<log::TopicPartition> find_partition(log::Log& log, const PartitionName& name) {
  MILLRACE_ASSIGN(const log::Topic topic, log.find_topic(name.first));
  return log::TopicPartition{topic.id, log::partition(name.second)};
}

}  // namespace millrace::connect
