// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/plan.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <tuple>

#include "copy/manifest_offsets.hpp"
#include "millrace/base/message_text.hpp"
#include "millrace/connect/copy.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/empty_groups.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "millrace/stream/service_topics.hpp"

namespace millrace::connect {

namespace {

CopyPhase phase_of_topic(const log::TopicSpec& topic) {
  return is_manifest(topic) ? CopyPhase::manifests : phase_of(topic.name);
}

Status add_partitions(log::Log& source, const log::Topic& topic, bool compacts, CopyPlan& plan) {
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    PlannedPartition partition;
    partition.name = {topic.spec.name, p};
    partition.source = {topic.id, log::partition(p)};
    partition.stored_id = log::stored_topic_id(source, topic.id);
    partition.compacted = compacts;
    partition.phase = phase_of_topic(topic.spec);
    MILLRACE_ASSIGN(partition.start, source.start_offset(partition.source));
    MILLRACE_ASSIGN(partition.end, source.end_offset(partition.source));
    plan.partitions.push_back(std::move(partition));
  }
  return {};
}

void add_positions(const std::vector<log::GroupInfo>& groups, const std::vector<log::Topic>& topics,
                   CopyPlan& plan) {
  for (const log::GroupInfo& group : groups) {
    if (group.name == copy_group) continue;
    for (const log::GroupInfo::Position& position : group.positions) {
      const auto topic = std::find_if(topics.begin(), topics.end(), [&](const log::Topic& one) {
        return one.id == position.partition.topic;
      });
      if (topic == topics.end()) continue;
      plan.positions.push_back(
          {group.name, {topic->spec.name, position.partition.partition.value}, position.next});
    }
  }
  std::sort(plan.positions.begin(), plan.positions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.group, a.partition) < std::tie(b.group, b.partition);
  });
}

// Its records hold offsets of the log that it is in: the copies would name others.
bool stays(const log::Topic& topic) {
  return topic.spec.kind == log::TopicKind::private_topic &&
         topic.spec.name.ends_with(stream::ranges_suffix);
}

}  // namespace

CopyPhase phase_of(std::string_view topic) {
  if (stream::is_dead_letters(topic)) return CopyPhase::dead_letters;
  return topic.ends_with(stream::retry_suffix) ? CopyPhase::retries : CopyPhase::records;
}

bool is_live(const log::GroupInfo& group) {
  return group.name != copy_group && group.name != log::tool_group && !group.members.empty();
}

std::vector<std::string> live_groups(const std::vector<log::GroupInfo>& groups) {
  std::vector<std::string> live;
  for (const log::GroupInfo& group : groups) {
    if (is_live(group)) live.push_back(group.name);
  }
  std::sort(live.begin(), live.end());
  return live;
}

Result<CopyPlan> make_plan(log::Log& source, const std::string& glob) {
  CopyPlan plan;
  // Positions first, then ends: so no position is beyond what is copied. Of the ends those of
  // topics that refer to others first: so no reference is.
  MILLRACE_ASSIGN(const std::vector<log::GroupInfo> groups, source.groups());
  plan.live = live_groups(groups);
  MILLRACE_ASSIGN(std::vector<log::Topic> topics, source.topics());
  std::erase_if(topics, stays);
  std::sort(topics.begin(), topics.end(),
            [](const log::Topic& a, const log::Topic& b) { return a.spec.name < b.spec.name; });
  std::vector<std::string> names;
  for (const log::Topic& topic : topics)
    names.push_back(topic.spec.name);
  if (!glob.empty()) {
    std::erase_if(topics, [&](const log::Topic& topic) {
      return ::fnmatch(glob.c_str(), topic.spec.name.c_str(), 0) != 0;
    });
    if (topics.empty()) {
      return fail(errc::not_found, unknown_name("topic that matches", glob, names));
    }
  }
  for (const log::Topic& topic : topics) {
    MILLRACE_ASSIGN(const log::TopicSettings settings, source.topic_settings(topic.id));
    plan.topics.push_back({topic.spec, settings});
  }
  for (const CopyPhase phase :
       {CopyPhase::manifests, CopyPhase::retries, CopyPhase::dead_letters, CopyPhase::records}) {
    for (std::size_t i = 0; i < topics.size(); ++i) {
      if (phase_of_topic(topics[i].spec) != phase) continue;
      MILLRACE_TRY(add_partitions(source, topics[i], plan.topics[i].settings.compacts, plan));
    }
  }
  std::stable_sort(
      plan.partitions.begin(), plan.partitions.end(),
      [](const PlannedPartition& a, const PlannedPartition& b) { return a.phase < b.phase; });
  add_positions(groups, topics, plan);
  return plan;
}

}  // namespace millrace::connect
