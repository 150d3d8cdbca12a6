// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/membership.hpp"

#include <algorithm>

#include "manifest/earlier_parts.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "millrace/stream/topology.hpp"
#include "names.hpp"
#include "runtime/input_ranges.hpp"

namespace millrace::stream::runtime {

Status SubTopologyMember::look_for_topics() {
  if (found_ != nullptr) return {};
  std::vector<InputTopic> inputs;
  missing_.clear();
  for (const std::size_t index : spec_->sources) {
    const SourceSpec& source = shared_->topology.sources[index];
    const auto same = std::find_if(inputs.begin(), inputs.end(), [&](const InputTopic& input) {
      return input.topic.spec.name == source.topic;
    });
    if (same != inputs.end()) {
      same->sources.push_back(index);
      same->is_table |= source.is_table;
      continue;
    }
    Result<log::Topic> topic = shared_->log.find_topic(source.topic);
    if (topic) {
      const std::uint64_t stored_id = log::stored_topic_id(shared_->log, topic->id);
      inputs.push_back({*std::move(topic), {index}, source.is_table, false, stored_id});
    } else if (topic.error().is(log::errc::unknown_topic)) {
      missing_.push_back(source.topic);
    } else {
      return fail(std::move(topic).error());
    }
  }
  if (!missing_.empty()) return {};
  return resolve(std::move(inputs));
}

Status SubTopologyMember::resolve(std::vector<InputTopic> inputs) {
  MILLRACE_TRY(check_partitions(inputs));
  auto resolved = std::make_unique<ResolvedSubTopology>();
  resolved->spec = spec_;
  resolved->partitions = inputs.front().topic.spec.partitions;
  resolved->inputs = std::move(inputs);
  // A replayed dead letter comes back in the partition that it was lost from.
  const bool takes_replays =
      shared_->retry && shared_->retry->spec.partitions >= resolved->partitions;
  if (takes_replays) resolved->inputs.push_back({*shared_->retry, {}, false, true});
  MILLRACE_TRY(make_changelogs(*resolved));
  if (shared_->retry && !takes_replays) warn_of_replays(resolved->partitions);
  found_ = std::move(resolved);
  return {};
}

Status SubTopologyMember::join() {
  MILLRACE_TRY(make_ranges(*found_));
  MILLRACE_ASSIGN(found_->group, shared_->log.group(shared_->topology.service + "/" + spec_->name));
  std::vector<std::string> tasks;
  for (std::int32_t i = 0; i < found_->partitions; ++i)
    tasks.push_back(spec_->name + "/" + std::to_string(i));
  MILLRACE_ASSIGN(auto joined, shared_->log.join(found_->group, std::move(tasks)));
  resolved_ = std::move(found_);
  const MutexLock lock(membership_mutex_);
  membership_ = std::move(joined);
  return {};
}

void SubTopologyMember::warn_of_replays(std::int32_t partitions) const {
  const log::TopicSpec& retry = shared_->retry->spec;
  shared_->report(Level::warn, "replays of dead letters are not taken",
                  "sub-topology " + spec_->name + " has " + std::to_string(partitions) +
                      " tasks, and topic '" + retry.name + "' has " +
                      std::to_string(retry.partitions) +
                      " partitions: stop all instances, run `millrace topics alter " + retry.name +
                      " --partitions " + std::to_string(partitions) + "`, and start them again");
}

// How many partitions the topic has by now, when that is another number; else 0. One that is gone,
// or cannot be asked for, is reported by its readers. The log follows no changes of topics that are
// not of this system.
std::int32_t SubTopologyMember::changed_partitions(const log::Topic& topic) const {
  if (topic.spec.owner == log::foreign_owner) return 0;
  const Result<log::Topic> now = shared_->log.find_topic(topic.spec.name);
  const bool same = !now || now->id != topic.id || now->spec.partitions == topic.spec.partitions;
  return same ? 0 : now->spec.partitions;
}

Status SubTopologyMember::check_inputs() const {
  const std::string& service = shared_->topology.service;
  for (const InputTopic& input : resolved_->inputs) {
    const std::int32_t now = input.is_retry ? 0 : changed_partitions(input.topic);
    if (now == 0) continue;
    return fail(errc::bad_topology,
                "topic '{}' has {} partitions by now, and sub-topology {} has {} tasks: stop all "
                "instances, run `millrace topology reset {}`, and start them again",
                input.topic.spec.name, now, spec_->name, resolved_->partitions, service);
  }
  if (!shared_->retry || shared_->retry->spec.partitions >= resolved_->partitions) return {};
  const std::int32_t now = changed_partitions(*shared_->retry);
  if (now < resolved_->partitions) return {};
  return fail(errc::bad_topology,
              "topic '{}' has {} partitions by now, and sub-topology {} began without it: start "
              "all instances of service '{}' again",
              shared_->retry->spec.name, now, spec_->name, service);
}

void SubTopologyMember::heartbeat() {
  const MutexLock lock(membership_mutex_);
  // What makes it fail ends the instance by the next poll.
  if (membership_ != nullptr) static_cast<void>(membership_->heartbeat());
}

void SubTopologyMember::leave() {
  const MutexLock lock(membership_mutex_);
  membership_.reset();
}

Status SubTopologyMember::check_partitions(const std::vector<InputTopic>& inputs) const {
  std::string counts;
  bool same = true;
  const std::int32_t wanted =
      spec_->partitions > 0 ? spec_->partitions : inputs.front().topic.spec.partitions;
  for (const InputTopic& input : inputs) {
    same &= input.topic.spec.partitions == wanted;
    counts.append(counts.empty() ? "" : ", ")
        .append(input.topic.spec.name)
        .append(" has ")
        .append(std::to_string(input.topic.spec.partitions));
  }
  if (same) return {};
  std::string remedy = "repartition the smaller ones, or make the topics alike";
  if (spec_->partitions > 0) {
    const std::string declared = std::to_string(spec_->partitions);
    counts.append(", the topology declares ").append(declared);
    remedy = "let it read topics with " + declared +
             " partitions, or repartition those with another number";
  }
  return fail(errc::bad_topology,
              "sub-topology {} reads topics with different numbers of partitions ({}): {}",
              spec_->name, counts, remedy);
}

Status SubTopologyMember::make_changelogs(ResolvedSubTopology& resolved) const {
  log::TopicSpec spec;
  spec.partitions = resolved.partitions;
  spec.kind = log::TopicKind::private_topic;
  spec.owner = shared_->topology.service;
  const log::TopicSpec& input = resolved.inputs.front().topic.spec;
  for (const StoreId id : spec_->stores) {
    const StoreSpec& store = shared_->topology.stores[static_cast<std::size_t>(id)];
    if (store.source_is_changelog) continue;
    spec.name = store.changelog;
    MILLRACE_ASSIGN(const log::Topic topic, make_changelog(spec, input));
    resolved.changelogs.push_back({id, topic.id, log::stored_topic_id(shared_->log, topic.id)});
  }
  spec.name = system_changelog(shared_->topology.service, spec_->name);
  MILLRACE_ASSIGN(const log::Topic system, make_changelog(spec, input));
  resolved.system = system.id;
  return {};
}

// `input`: of the part. It may have been deleted and created again with another number of
// partitions.
Result<log::Topic> SubTopologyMember::make_changelog(const log::TopicSpec& spec,
                                                     const log::TopicSpec& input) const {
  auto made = shared_->log.create_topic(spec, log::compacted());
  if (made || !made.error().is(log::errc::topic_mismatch)) return made;
  const auto known = shared_->log.find_topic(spec.name);
  if (!known || known->spec.partitions == spec.partitions) return made;
  return fail(made.error().code(),
              "{}. Topic '{}' has {} partitions, and part {} has its state for {}: stop all "
              "instances and build it again with `millrace topology reset {}`",
              made.error().message(), input.name, spec.partitions, spec_->name,
              known->spec.partitions, shared_->topology.service);
}

// What this service writes, a part that is rebuilt writes again, in another order: the offsets of
// before say nothing of it.
bool SubTopologyMember::is_written_again(const log::TopicSpec& topic) const {
  const Plan& topology = shared_->topology;
  return topic.name == shared_->dead_letters.spec.name ||
         std::any_of(topology.sinks.begin(), topology.sinks.end(),
                     [&](const SinkSpec& sink) { return sink.topic.name == topic.name; }) ||
         std::any_of(topology.stores.begin(), topology.stores.end(), [&](const StoreSpec& store) {
           return !store.source_is_changelog && store.changelog == topic.name;
         });
}

Status SubTopologyMember::make_ranges(ResolvedSubTopology& resolved) const {
  // It may be another attempt.
  resolved.ranges.reset();
  resolved.earlier.clear();
  std::size_t sources = 0;
  for (const InputTopic& input : resolved.inputs) {
    if (input.is_retry) continue;
    if (is_written_again(input.topic.spec)) return {};
    ++sources;
  }
  if (sources < 2 || sources > input_ranges_topics_max) return {};
  const std::string& service = shared_->topology.service;
  LostRanges& lost = shared_->lost_ranges;
  const std::string own = input_ranges_topic(service, spec_->name);
  const Result<log::Topic> ranges =
      shared_->log.create_topic({own, resolved.partitions, log::TopicKind::private_topic, service});
  if (ranges) {
    resolved.ranges = ranges->id;
  } else {
    MILLRACE_TRY(lost.lose(*shared_, own, log::partition(0), ranges.error(),
                           "the order in which part " + spec_->name +
                               " takes its inputs is not kept, and a rebuild takes them by time"));
  }
  MILLRACE_ASSIGN(auto manifest, read_manifest(shared_->log, service));
  if (!manifest) return {};
  for (Manifest::Part& part : earlier_parts(*manifest, spec_->name)) {
    MILLRACE_ASSIGN(const log::GroupId group, shared_->log.group(service + "/" + part.name));
    Result<log::Topic> topic = shared_->log.find_topic(input_ranges_topic(service, part.name));
    // What will not pass is of interest as long as the rebuild is not over.
    if (!topic && LostRanges::may_pass(topic.error())) {
      MILLRACE_TRY(lost.lose(*shared_, input_ranges_topic(service, part.name), log::partition(0),
                             topic.error(),
                             "the order in which part " + part.name +
                                 " took its inputs is not repeated in the rebuild"));
    }
    resolved.earlier.push_back(
        {std::move(part.name), std::move(part.sources), group, std::move(topic)});
  }
  return {};
}

}  // namespace millrace::stream::runtime
