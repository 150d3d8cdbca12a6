// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/continue_topology.hpp"

#include <algorithm>

#include "manifest/difference.hpp"
#include "manifest/evolution.hpp"
#include "manifest/part_shape.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/topology_diff.hpp"

namespace millrace::stream {

namespace {

// Of writers that meet, each attempt lets one through.
constexpr int attempts_max = 64;

bool has_positions(const std::vector<log::GroupInfo>& groups, const std::string& name) {
  return std::any_of(groups.begin(), groups.end(), [&](const log::GroupInfo& group) {
    return group.name == name && !group.positions.empty();
  });
}

TakenNames names_in(log::Log& log) {
  return {[&log](const std::string& group) { return has_positions(log.groups(), group); },
          [&log](const std::string& topic) { return log.find_topic(topic).has_value(); }};
}

Result<bool> holds_records(log::Log& log, const std::string& name) {
  const Result<log::Topic> topic = log.find_topic(name);
  if (!topic) {
    if (topic.error().is(log::errc::unknown_topic)) return false;
    return fail(topic.error());
  }
  for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
    const log::TopicPartition place{topic->id, log::partition(i)};
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(place));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(place));
    if (start < end) return true;
  }
  return false;
}

// An earlier build, which kept no manifest, may have cut the topology otherwise: then the state is
// there, and the group that this build would use has no positions.
Status check_adopted(log::Log& log, const std::string& service, const Manifest& manifest) {
  Differences differences;
  for (const Manifest::Part& part : manifest.parts) {
    const std::string group = service + "/" + part.name;
    for (const Manifest::Store& store : part.stores) {
      if (store.kind == "table") continue;
      MILLRACE_ASSIGN(const bool holds, holds_records(log, store.changelog));
      if (!holds || has_positions(log.groups(), group)) continue;
      differences.add("positions for the state of store " + store.name, "of another group",
                      "group " + group + " has none", store.name);
    }
  }
  if (differences.empty()) return {};
  return fail(differences.refusal(service));
}

// A part that was reset begins behind what the private topics held by then.
Status add_beginnings(log::Log& log, const std::string& service, const Evolution& evolution,
                      log::Transaction& transaction) {
  for (const std::size_t index : evolution.fresh) {
    const Manifest::Part& part = evolution.manifest.parts[index];
    for (const Manifest::Channel& channel : evolution.manifest.channels) {
      const bool reads =
          std::binary_search(part.sources.begin(), part.sources.end(), channel.topic);
      if (!reads || channel.from.empty()) continue;
      MILLRACE_ASSIGN(const log::Topic topic, log.find_topic(channel.topic));
      MILLRACE_ASSIGN(const log::GroupId group, log.group(service + "/" + part.name));
      for (std::size_t i = 0; i < channel.from.size(); ++i)
        transaction.set_position(group, {topic.id, log::partition(static_cast<std::int32_t>(i))},
                                 log::offset(channel.from[i]));
    }
  }
  return {};
}

}  // namespace

Status continue_topology(log::Log& log, Topology& topology, const EventSink& events) {
  const std::string& service = topology.service;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    MILLRACE_ASSIGN(const auto before, read_manifest(log, service));
    MILLRACE_ASSIGN(const Evolution evolution,
                    evolve(service, first_manifest(topology), before, names_in(log)));
    if (evolution.changed) {
      if (!before) {
        MILLRACE_TRY(check_adopted(log, service, evolution.manifest));
      }
      log::Transaction transaction;
      MILLRACE_TRY(add_beginnings(log, service, evolution, transaction));
      MILLRACE_ASSIGN(const bool written,
                      write_manifest(log, service, evolution.manifest, std::move(transaction)));
      if (!written) continue;
    }
    for (const std::string& note : evolution.notes) {
      if (events) events("info", "topology changed", service + ": " + note);
    }
    take_names(evolution, topology);
    return {};
  }
  return fail(millrace::errc::busy, "topic " + manifest_topic(service) +
                                        ": others keep changing it; start the service again");
}

Result<TopologyDiff> diff_topology(log::Log& log, std::string_view description) {
  MILLRACE_ASSIGN(const DescribedTopology described, read_description(description));
  TopologyDiff diff;
  diff.service = described.service;
  MILLRACE_ASSIGN(const auto before, read_manifest(log, diff.service));
  diff.first = !before;
  MILLRACE_ASSIGN(Evolution evolution,
                  evolve(diff.service, described.manifest, before, names_in(log)));
  if (!before) {
    MILLRACE_TRY(check_adopted(log, diff.service, evolution.manifest));
  }
  diff.accepted = std::move(evolution.notes);
  return diff;
}

}  // namespace millrace::stream
