// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/copy.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "copy/checks.hpp"
#include "copy/compare.hpp"
#include "copy/plan.hpp"
#include "copy/references.hpp"
#include "copy/target_writer.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/connect/source_reader.hpp"
#include "millrace/log/commit_order.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::connect {

namespace {

constexpr std::size_t copy_buffer_bytes = 64U << 20U;

std::size_t bytes_of(const log::Record& record) {
  return record.key.value_or(std::string_view()).size() +
         record.value.value_or(std::string_view()).size();
}

log::Offset next_of(const CopyState& state, const PlannedPartition& partition) {
  const auto found = state.map.find(partition.name);
  return found == state.map.end() ? partition.start
                                  : std::max(partition.start, found->second.source_next());
}

// Of topics that this run does not copy, as an earlier one did.
TopicNumbers numbers_of(const CopyPlan& plan, const CopyState& state) {
  TopicNumbers numbers;
  for (const auto& [name, topic] : state.topics)
    numbers[name] = topic.source;
  for (const PlannedPartition& partition : plan.partitions)
    numbers[partition.name.first] = partition.stored_id;
  return numbers;
}

std::int64_t records_in(const CopyPlan& plan, const CopyState& state) {
  std::int64_t records = 0;
  for (const PlannedPartition& partition : plan.partitions) {
    const auto found = state.map.find(partition.name);
    if (found != state.map.end()) records += found->second.records();
  }
  return records;
}

CopySummary summary_of(const CopyPlan& plan) {
  CopySummary summary;
  summary.topics = plan.topics.size();
  summary.partitions = plan.partitions.size();
  summary.positions = plan.positions.size();
  std::set<std::string> groups;
  for (const CopyPlan::Position& position : plan.positions)
    groups.insert(position.group);
  summary.groups = groups.size();
  for (const CopyPlan::PlannedTopic& topic : plan.topics) {
    const bool removed = std::any_of(
        plan.partitions.begin(), plan.partitions.end(), [&](const PlannedPartition& partition) {
          return partition.name.first == topic.spec.name && partition.start > log::Offset{};
        });
    if (removed && log::is_repartition(topic.spec)) summary.removed.push_back(topic.spec.name);
  }
  return summary;
}

Result<CopyState> known_state(log::Log& target) {
  MILLRACE_ASSIGN(const auto map, find_copy_map(target));
  return map ? read_copy_state(target, *map) : CopyState();
}

// After the plan: all that it has is before the position.
Result<CopySource> as_planned(log::Log& source) {
  CopySource planned{source.identity(), {}};
  if (!log::has_commit_order(source)) return planned;
  planned.seen = log::see_log(source);
  // A loss of power must not leave the copy ahead of the source.
  const Status durable = source.wait_durable(planned.seen->position);
  if (!durable && !durable.error().is(log::errc::read_only)) return fail(durable.error());
  return planned;
}

class Copier {
 public:
  Copier(log::Log& source, log::Log& target, const CopyPlan& plan, const CopyWatch& watch,
         TargetWriter& writer, CopySummary& summary)
      : source_(source),
        target_(target),
        plan_(plan),
        watch_(watch),
        writer_(writer),
        summary_(summary) {}

  [[nodiscard]] Status run() {
    MILLRACE_TRY(make_topics());
    std::int64_t offsets = 0;
    for (const PlannedPartition& partition : plan_.partitions)
      offsets += std::max<std::int64_t>(
          0, partition.end.value - next_of(writer_.state(), partition).value);
    watch_.progress.begin(CopyStage::copying, offsets);
    for (const CopyPhase phase : copy_phases)
      MILLRACE_TRY(copy_phase(phase));
    watch_.progress.end();
    MILLRACE_TRY(copy_positions());
    MILLRACE_TRY(writer_.settle());
    return writer_.wait_durable();
  }

 private:
  // Kafka deletes by the times of records, which may be years ago: there the copy keeps all. The
  // size of segments suits the disks of the source. Whether what was read from a repartition is
  // removed depends on the backend.
  log::TopicSettings in_target(const log::TopicSpec& spec, log::TopicSettings settings) {
    const bool same_disks = log::has_commit_order(target_);
    if (same_disks && !log::is_repartition(spec)) return settings;
    if (!same_disks) settings.segment_bytes = log::TopicSettings::default_segment_bytes;
    settings.deletes = false;
    settings.retention_ms.reset();
    settings.retention_bytes.reset();
    return settings;
  }

  // Commands have an age by default; from those that the source keeps for ever it is taken away.
  Status keep_as_the_source(const log::Topic& topic, const log::TopicSettings& source) {
    if (topic.spec.kind != log::TopicKind::commands || source.deletes) return {};
    MILLRACE_ASSIGN(const log::TopicSettings is, target_.topic_settings(topic.id));
    if (!is.deletes) return {};
    const log::SettingChange changes[] = {{"cleanup.policy", is.compacts ? "compact" : "keep"},
                                          {"retention.ms", "-1"}};
    MILLRACE_TRY(target_.alter_topic(topic.id, changes));
    return {};
  }

  Status make_topics() {
    for (const auto& [spec, settings] : plan_.topics) {
      MILLRACE_ASSIGN(const log::Topic topic,
                      target_.create_topic(spec, in_target(spec, settings)));
      MILLRACE_TRY(keep_as_the_source(topic, settings));
      MILLRACE_FAULT_POINT("copy.topic_made");
    }
    for (const PlannedPartition& partition : plan_.partitions) {
      MILLRACE_ASSIGN(const log::TopicPartition target, find_partition(target_, partition.name));
      writer_.add_partition(partition.name, target, partition.stored_id);
    }
    return writer_.keep();
  }

  Status copy_phase(CopyPhase phase) {
    std::vector<SourceReader::Part> parts;
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i) {
      const PlannedPartition& partition = plan_.partitions[i];
      if (partition.phase != phase) continue;
      parts.push_back({i, partition.source, next_of(writer_.state(), partition), partition.end});
    }
    SourceReader reader(source_, parts, copy_buffer_bytes);
    References references(writer_.state().map, numbers_of(plan_, writer_.state()));
    while (true) {
      MILLRACE_ASSIGN(const SourceReader::Item item, reader.next());
      if (item.record == nullptr) break;
      const PlannedPartition& partition = plan_.partitions[item.partition];
      log::RecordView copy = *item.record;
      copy.headers = references.translate(partition.name.first, item.record->headers);
      const auto value = references.translate(partition.phase, *item.record);
      if (!value)
        return fail(value.error().code(), "{}, offset {}: {}", to_string(partition.name),
                    copy.offset.value, value.error().message());
      copy.value = *value;
      writer_.add(item.partition, copy);
      count(item);
      if (writer_.full()) MILLRACE_TRY(commit());
    }
    return writer_.empty() ? Status{} : commit();
  }

  void count(const SourceReader::Item& item) {
    const std::size_t bytes = bytes_of(*item.record);
    ++summary_.records;
    summary_.bytes += bytes;
    watch_.progress.add(item.offsets, bytes);
  }

  Status commit() {
    MILLRACE_TRY(source_.maintain());
    MILLRACE_TRY(writer_.commit());
    if (!watch_.stop.load()) return {};
    watch_.progress.end();
    return fail(errc::stopped, "stopped after {} records: the same command continues where it was",
                summary_.records);
  }

  // Group by group, for a transaction moves positions of one.
  Status copy_positions() {
    MILLRACE_FAULT_POINT("copy.before_positions");
    std::string group;
    for (const CopyPlan::Position& position : plan_.positions) {
      if (position.group != group && !writer_.empty()) MILLRACE_TRY(writer_.commit());
      if (writer_.full()) MILLRACE_TRY(writer_.commit());
      group = position.group;
      if (is_left_out(target_, position)) continue;
      MILLRACE_ASSIGN(const log::Offset to,
                      target_position(target_, writer_.state().map, position));
      MILLRACE_ASSIGN(const bool there, stands(position, to));
      if (there) continue;
      MILLRACE_TRY(
          writer_.add({position.group, position.partition, position.next.value, to.value}));
    }
    return writer_.empty() ? Status{} : writer_.commit();
  }

  Result<bool> stands(const CopyPlan::Position& position, log::Offset to) {
    MILLRACE_ASSIGN(const log::GroupId group, target_.group(position.group));
    MILLRACE_ASSIGN(const log::TopicPartition partition,
                    find_partition(target_, position.partition));
    MILLRACE_ASSIGN(const std::optional<log::Offset> is, target_.position(group, partition));
    return is == to;
  }

  log::Log& source_;
  log::Log& target_;
  const CopyPlan& plan_;
  const CopyWatch& watch_;
  TargetWriter& writer_;
  CopySummary& summary_;
};

Status compare(log::Log& source, log::Log& target, const CopyPlan& plan, const CopyState& state,
               const CopyWatch& watch, CopySummary& summary) {
  Comparison comparison;
  References references(state.map, numbers_of(plan, state));
  std::int64_t offsets = 0;
  for (const PlannedPartition& partition : plan.partitions)
    offsets += partition.end.value - partition.start.value;
  watch.progress.begin(CopyStage::comparing, offsets);
  for (const PlannedPartition& partition : plan.partitions) {
    if (watch.stop.load()) {
      watch.progress.end();
      return fail(errc::stopped, "stopped before all was compared");
    }
    MILLRACE_TRY(compare_partition(source, target, partition, state.map, references, watch.progress,
                                   comparison));
  }
  watch.progress.end();
  for (const CopyPlan::Position& position : plan.positions)
    MILLRACE_TRY(compare_position(target, state.map, position, comparison));
  summary.verified = true;
  summary.verified_records = comparison.records;
  summary.compacted = comparison.compacted;
  summary.differences = std::move(comparison.differences);
  return {};
}

}  // namespace

Result<CopySummary> copy_log(log::Log& source, log::Log& target, const CopyRequest& request,
                             const CopyWatch& watch) {
  MILLRACE_ASSIGN(const CopyPlan plan, make_plan(source, request.topics));
  MILLRACE_TRY(check_not_same(source, target));
  MILLRACE_TRY(check_live(plan, target, request.force));
  MILLRACE_TRY(check_topics(plan, target));
  CopySummary summary = summary_of(plan);
  // A target that is no copy yet is looked at before anything is written to it, any target under
  // the claim: before that another copier may be at work, or have left what can be read only in
  // part.
  MILLRACE_ASSIGN(const auto map, find_copy_map(target));
  if (!map) MILLRACE_TRY(check_contents(plan, source, target, CopyState()));
  MILLRACE_ASSIGN(CopySource copied, as_planned(source));
  MILLRACE_ASSIGN(const auto writer, TargetWriter::open(target, watch.clock, std::move(copied),
                                                        request.transaction_bytes));
  MILLRACE_TRY(check_contents(plan, source, target, writer->state()));
  summary.earlier = records_in(plan, writer->state());
  MILLRACE_TRY(Copier(source, target, plan, watch, *writer, summary).run());
  if (request.verify) MILLRACE_TRY(compare(source, target, plan, writer->state(), watch, summary));
  return summary;
}

Result<CopySummary> compare_copy(log::Log& source, log::Log& target, const CopyRequest& request,
                                 const CopyWatch& watch) {
  MILLRACE_ASSIGN(const CopyPlan plan, make_plan(source, request.topics));
  MILLRACE_ASSIGN(const auto map, find_copy_map(target));
  if (!map) return fail(errc::not_found, "the target is no copy: it has no map of one");
  MILLRACE_ASSIGN(const CopyState state, read_copy_state(target, *map));
  MILLRACE_TRY(check_topics(plan, target));
  CopySummary summary = summary_of(plan);
  summary.earlier = records_in(plan, state);
  MILLRACE_TRY(compare(source, target, plan, state, watch, summary));
  return summary;
}

Result<CopySummary> plan_copy(log::Log& source, log::Log* target, const CopyRequest& request) {
  MILLRACE_ASSIGN(const CopyPlan plan, make_plan(source, request.topics));
  CopySummary summary = summary_of(plan);
  CopyState state;
  if (target != nullptr) {
    MILLRACE_TRY(check_not_same(source, *target));
    MILLRACE_TRY(check_live(plan, *target, request.force));
    MILLRACE_TRY(check_topics(plan, *target));
    MILLRACE_ASSIGN(state, known_state(*target));
    MILLRACE_TRY(check_contents(plan, source, *target, state));
  }
  summary.earlier = records_in(plan, state);
  for (const PlannedPartition& partition : plan.partitions)
    summary.records +=
        std::max<std::int64_t>(0, partition.end.value - next_of(state, partition).value);
  return summary;
}

}  // namespace millrace::connect
