// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/checks.hpp"

#include <algorithm>

#include "millrace/base/message_text.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/commit_order.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/stored_topic_id.hpp"

namespace millrace::connect {

namespace {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t named_max = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), named_max); ++i) {
    text += (i == 0 ? "" : ", ") + escaped(names[i]);
  }
  return names.size() <= named_max
             ? text
             : text + " and " + std::to_string(names.size() - named_max) + " more";
}

std::string describe(const log::TopicSpec& spec) {
  return counted(static_cast<std::size_t>(spec.partitions), "partition") + ", " +
         log::to_string(spec.kind) + " of '" + spec.owner + "'";
}

// A topic that is in the target already must not remove what the copy writes.
Status check_kept(log::Log& target, const log::Topic& topic, const log::TopicSettings& source) {
  // There nothing of it is removed before a group has read it.
  if (log::is_repartition(topic.spec) && log::has_commit_order(target)) return {};
  MILLRACE_ASSIGN(const log::TopicSettings is, target.topic_settings(topic.id));
  // Of commands an age removes nothing before the service has read it.
  const bool by_age_only = topic.spec.kind == log::TopicKind::commands && !is.retention_bytes;
  const bool deletes =
      is.deletes && !by_age_only && (!source.deletes || !log::has_commit_order(target));
  if (!deletes && (!is.compacts || source.compacts)) return {};
  return fail(log::errc::topic_mismatch,
              "topic '{}' is in the target and would remove records ({}): run `millrace topics "
              "alter` there, or copy to an empty log",
              topic.spec.name, log::describe_changed(is));
}

// What the map says of offsets is of another topic then, or of none.
Status was_deleted(const PartitionName& partition, const char* log) {
  return fail(errc::not_ours,
              "topic {} of the {} was deleted since the target was copied; copy to an empty log",
              partition.first, log);
}

// Else its offsets name other records now: it was put back from a backup, cut or repaired since.
Status check_past(log::Log& source, const CopyState& state) {
  if (!state.seen) return {};
  Status past = source.check_past(state.seen->lineage, state.seen->position);
  if (past ||
      !(past.error().is(log::errc::out_of_range) || past.error().is(log::errc::unknown_lineage)))
    return past;
  return fail(errc::not_ours,
              "the map of the copy is of another history of the source: {}; copy to an empty log",
              past.error().message());
}

Status check_same_topics(const CopyPlan& plan, log::Log& target, const CopyState& state) {
  for (const PlannedPartition& partition : plan.partitions) {
    const auto known = state.topics.find(partition.name.first);
    if (known == state.topics.end()) continue;
    if (log::is_another_topic(known->second.source, partition.stored_id))
      return was_deleted(partition.name, "source");
    const auto copy = find_partition(target, partition.name);
    if (copy &&
        log::is_another_topic(known->second.target, log::stored_topic_id(target, copy->topic)))
      return was_deleted(partition.name, "target");
  }
  return {};
}

Status check_records(const CopyPlan& plan, log::Log& target, const CopyState& state) {
  for (const PlannedPartition& partition : plan.partitions) {
    const auto known = state.map.find(partition.name);
    const bool copied = known != state.map.end();
    if (copied && partition.end < known->second.source_next())
      return was_deleted(partition.name, "source");
    const auto copy = find_partition(target, partition.name);
    if (!copy && copy.error().is(log::errc::unknown_topic)) {
      if (copied) return was_deleted(partition.name, "target");
      continue;
    }
    if (!copy) return fail(copy.error());
    MILLRACE_ASSIGN(const log::Offset start, target.start_offset(*copy));
    const log::Offset next = state.target_next(partition.name);
    // As in one that was created again.
    MILLRACE_ASSIGN(const log::Offset end, target.end_offset(*copy));
    if (end < next) return was_deleted(partition.name, "target");
    MILLRACE_ASSIGN(const auto more, first_record(target, *copy, std::max(start, next)));
    if (!more) continue;
    const std::string what = copied ? "the target has gone on since it was copied: "
                                    : "the target has records that are not of this copy: ";
    return fail(errc::not_ours, "{}{} at offset {}; copy to an empty log", what,
                to_string(partition.name), more->value);
  }
  return {};
}

Status check_positions(const CopyPlan& plan, log::Log& target, const CopyState& state) {
  MILLRACE_ASSIGN(const auto groups, target.groups());
  for (const log::GroupInfo& group : groups) {
    for (const log::GroupInfo::Position& is : group.positions) {
      const auto planned = std::find_if(
          plan.positions.begin(), plan.positions.end(), [&](const CopyPlan::Position& one) {
            const auto partition = find_partition(target, one.partition);
            return one.group == group.name && partition && *partition == is.partition;
          });
      if (planned == plan.positions.end()) continue;
      const auto set = state.positions.find({planned->group, planned->partition});
      if (set != state.positions.end() && set->second.target == is.next.value) continue;
      return fail(errc::not_ours,
                  "group '{}' of the target stands at {} in {}{}; copy to an empty log",
                  escaped(group.name), is.next.value, to_string(planned->partition),
                  set == state.positions.end() ? ", which is not of this copy"
                                               : ": it has gone on since it was copied");
    }
  }
  return {};
}

}  // namespace

Status check_live(const CopyPlan& plan, log::Log& target, bool force) {
  if (!plan.live.empty() && !force) {
    return fail(errc::busy,
                "services work on the source: {}; stop them, or copy what is committed by now with "
                "--force and the rest with the same command when they are stopped",
                listed(plan.live));
  }
  MILLRACE_ASSIGN(const auto groups, target.groups());
  const std::vector<std::string> live = live_groups(groups);
  if (live.empty()) return {};
  return fail(errc::busy, "services work on the target: {}; stop them first", listed(live));
}

Status check_topics(const CopyPlan& plan, log::Log& target) {
  for (const auto& [spec, settings] : plan.topics) {
    const auto found = target.find_topic(spec.name);
    if (!found && found.error().is(log::errc::unknown_topic)) continue;
    if (!found) return fail(found.error());
    if (found->spec == spec) {
      MILLRACE_TRY(check_kept(target, *found, settings));
      continue;
    }
    log::TopicSpec larger = found->spec;
    larger.partitions = std::max(larger.partitions, spec.partitions);
    const bool may_have_more = larger == spec && spec.kind != log::TopicKind::private_topic &&
                               !spec.name.starts_with("__");
    const std::string remedy =
        may_have_more ? ": run `millrace topics alter " + spec.name + " --partitions " +
                            std::to_string(spec.partitions) + " --force` there"
                      : "";
    return fail(log::errc::topic_mismatch,
                "topic '{}' is another one in the target ({}) than in the source ({}){}", spec.name,
                describe(found->spec), describe(spec), remedy);
  }
  return {};
}

Status check_contents(const CopyPlan& plan, log::Log& source, log::Log& target,
                      const CopyState& state) {
  const std::string identity = source.identity();
  if (state.last_step > 0 && state.source != identity) {
    return fail(errc::not_ours,
                "the target is a copy of another source, {}, not of {}; copy to an empty log",
                escaped(state.source), escaped(identity));
  }
  MILLRACE_TRY(check_past(source, state));
  MILLRACE_TRY(check_same_topics(plan, target, state));
  MILLRACE_TRY(check_records(plan, target, state));
  return check_positions(plan, target, state);
}

Status check_not_same(log::Log& source, log::Log& target) {
  if (source.identity() == target.identity()) {
    return fail(errc::invalid_argument, "source and target are the same log, {}: name two",
                escaped(source.identity()));
  }
  MILLRACE_ASSIGN(const auto groups, source.groups());
  for (const log::GroupInfo& group : groups) {
    if (group.name != copy_group || group.members.empty()) continue;
    return fail(errc::busy, "the source is itself the target of a copy that is under way");
  }
  return {};
}

}  // namespace millrace::connect
