// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/continue_topology.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "manifest/difference.hpp"
#include "manifest/evolution.hpp"
#include "manifest/part_positions.hpp"
#include "manifest/part_shape.hpp"
#include "millrace/base/level.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/stream/topology_diff.hpp"

namespace millrace::stream {

namespace {

// Of writers that meet, each attempt lets one through.
constexpr int attempts_max = 64;
// Two that write at the same time may stop each other. A cluster that is away is not waited for.
constexpr int failures_max = 8;
constexpr std::uint64_t pause_ms_min = 20;

// A group without a name: there is none.
Result<log::GroupInfo> find_group(log::Log& log, const log::GroupsWanted& wanted) {
  MILLRACE_ASSIGN(auto groups, log::find_groups(log, wanted));
  return groups.empty() ? log::GroupInfo{} : std::move(groups.front());
}

Result<bool> has_members(log::Log& log, const std::string& name) {
  MILLRACE_ASSIGN(const log::GroupInfo group, find_group(log, {.name = name, .positions = false}));
  return !group.members.empty();
}

// No value: there is no such topic.
Result<std::optional<log::Topic>> find_if_there(log::Log& log, const std::string& name) {
  Result<log::Topic> topic = log.find_topic(name);
  if (topic) return std::optional(*std::move(topic));
  if (topic.error().is(log::errc::unknown_topic)) return std::optional<log::Topic>{};
  return fail(std::move(topic).error());
}

// Of what the build reads: ACLs may hide the other topics of the log.
Result<std::vector<log::TopicPartition>> partitions_read(log::Log& log, const std::string& service,
                                                         const Manifest& now) {
  std::set<std::string> names{service + ".retry"};
  for (const Manifest::Part& part : now.parts)
    names.insert(part.sources.begin(), part.sources.end());
  std::vector<log::TopicPartition> partitions;
  for (const std::string& name : names) {
    MILLRACE_ASSIGN(const auto topic, find_if_there(log, name));
    for (std::int32_t i = 0; topic && i < topic->spec.partitions; ++i)
      partitions.push_back({topic->id, log::partition(i)});
  }
  return partitions;
}

Result<bool> has_positions(log::Log& log, const std::string& service, const Manifest& now,
                           const std::string& name) {
  MILLRACE_ASSIGN(const log::GroupInfo group, find_group(log, {.name = name}));
  if (group.name.empty() || !group.positions.empty()) return !group.positions.empty();
  // On Kafka the list is what was before the transactions that are about to end.
  MILLRACE_ASSIGN(const auto partitions, partitions_read(log, service, now));
  if (partitions.empty()) return false;
  const auto positions = log.positions(group.id, partitions);
  // A cluster has forgotten them.
  if (!positions && positions.error().is(log::errc::out_of_range)) return true;
  if (!positions) return fail(positions.error());
  return std::any_of(positions->begin(), positions->end(),
                     [](const auto& position) { return position.has_value(); });
}

Result<bool> holds_records(log::Log& log, const std::string& name) {
  MILLRACE_ASSIGN(const auto topic, find_if_there(log, name));
  if (!topic) return false;
  for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
    const log::TopicPartition partition{topic->id, log::partition(i)};
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(partition));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
    if (start < end) return true;
  }
  return false;
}

// Without input a store is filled by timers, which leave no positions.
Result<bool> had_input(log::Log& log, const Manifest::Part& part) {
  for (const std::string& source : part.sources) {
    MILLRACE_ASSIGN(const bool holds, holds_records(log, source));
    if (holds) return true;
  }
  return false;
}

// Without a manifest nothing leads from a name to what the log has under one of before.
Status check_not_renamed(log::Log& log, const std::string& service, const Manifest& manifest,
                         Differences& differences) {
  const auto check = [&](const auto& entry) -> Status {
    for (const std::string& old : entry.was.value_or(std::vector<std::string>{})) {
      MILLRACE_ASSIGN(const bool holds, holds_records(log, service + "." + old + ".changelog"));
      MILLRACE_ASSIGN(const bool positions,
                      has_positions(log, service, manifest, service + "/" + old));
      if (!holds && !positions) continue;
      differences.add("what the log has of " + old, "no list of names", "called " + entry.name, {},
                      "First start a build that still says " + old +
                          ", which writes the list of names that a rename needs.");
    }
    return {};
  };
  for (const Manifest::Part& part : manifest.parts) {
    for (const Manifest::Store& store : part.stores)
      MILLRACE_TRY(check(store));
    for (const auto& one : part.processors.value_or(std::vector<Manifest::Processor>{}))
      MILLRACE_TRY(check(one));
  }
  return {};
}

// An earlier build, which kept no manifest, may have cut the topology otherwise: then the state is
// there, and the group that this build would use has no positions.
// `manifest`: a first_manifest(), with the names of before.
Status check_adopted(log::Log& log, const std::string& service, const Manifest& manifest) {
  Differences differences;
  MILLRACE_TRY(check_not_renamed(log, service, manifest, differences));
  for (const Manifest::Part& part : manifest.parts) {
    const std::string group = service + "/" + part.name;
    for (const Manifest::Store& store : part.stores) {
      if (store.kind == "table") continue;
      MILLRACE_ASSIGN(const bool holds, holds_records(log, store.changelog));
      if (!holds) continue;
      MILLRACE_ASSIGN(const bool positions, has_positions(log, service, manifest, group));
      if (positions) continue;
      MILLRACE_ASSIGN(const bool input, had_input(log, part));
      if (!input) continue;
      // Which part holds it is not known: all are rebuilt.
      differences.add("positions for the state of store " + store.name, "of another group",
                      "group " + group + " has none", {});
    }
  }
  if (differences.empty()) return {};
  return fail(differences.refusal(service));
}

bool may_pass(const Error& error) {
  // A loaded broker may not know yet of a topic that was just made.
  return error.is(log::errc::unavailable) || error.is(log::errc::fenced) ||
         error.is(log::errc::outcome_unknown) || error.is(log::errc::unknown_topic);
}

// Of another length for each, so that two do not meet again.
void pause(log::Log& log, const Instance::Environment& environment, int failures) {
  const std::uint64_t longest_ms = pause_ms_min << static_cast<unsigned>(failures);
  const auto pause_ms =
      static_cast<std::int64_t>(pause_ms_min + environment.random.below(longest_ms));
  static_cast<void>(
      log.waiter()->wait({}, environment.clock.monotonic_ns() + pause_ms * 1'000'000));
}

// False: others wrote meanwhile.
Result<bool> write(log::Log& log, const std::string& service, const Evolution& evolution) {
  log::Transaction transaction;
  MILLRACE_TRY(add_beginnings(log, service, evolution, transaction));
  MILLRACE_TRY(add_ends(log, service, evolution.manifest.parts, transaction));
  return write_manifest(log, service, evolution.manifest, std::move(transaction));
}

// A store or a processor of the part that has another version in the log than in this build; empty:
// none. They are known by what they keep when another build renames them.
std::string of_another_version(const Plan& topology, const SubTopology& sub,
                               const Manifest::Part& part) {
  const auto version_of = [&](const std::string& name) {
    const auto found = topology.histories.find(name);
    return found == topology.histories.end() ? 1 : found->second.version.value_or(1);
  };
  for (const StoreId id : sub.stores) {
    const StoreSpec& store = topology.stores[static_cast<std::size_t>(id)];
    bool known = false;
    bool same = false;
    for (const Manifest::Store& kept : part.stores) {
      if (kept.removed || kept.changelog != store.changelog) continue;
      known = true;
      same |= kept.version.value_or(1) == version_of(store.name);
    }
    if (known && !same) return store.name;
  }
  for (const NodeId id : sub.nodes) {
    const NodeSpec& node = topology.nodes[static_cast<std::size_t>(id)];
    if (node.kind != NodeKind::process || !part.processors) continue;
    const std::string& timers = node.timers.empty() ? node.name : node.timers;
    for (const Manifest::Processor& kept : *part.processors) {
      if (kept.timers.value_or(kept.name) == timers &&
          kept.version.value_or(1) != version_of(node.name))
        return node.name;
    }
  }
  return {};
}

}  // namespace

TakenNames names_in(log::Log& log, const std::string& service, const Manifest& now,
                    Status& failed) {
  const auto value = [&failed](const Result<bool>& result) {
    if (!result && failed) failed = fail(result.error());
    return result.value_or(false);
  };
  return {[&, value](const std::string& group) {
            return value(has_positions(log, service, now, group));
          },
          [&log, value](const std::string& topic) {
            const auto found = find_if_there(log, topic);
            return value(found ? Result<bool>(found->has_value()) : fail(found.error()));
          },
          [&log, value](const std::string& group) { return value(has_members(log, group)); }};
}

Status continue_topology(log::Log& log, Plan& topology, const Instance::Environment& environment) {
  const std::string& service = topology.service;
  int failures = 0;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    MILLRACE_ASSIGN(const auto before, read_manifest(log, service));
    Status looked;
    const Manifest now = first_manifest(topology);
    const Result<Evolution> evolution =
        evolve(service, now, before, names_in(log, service, now, looked));
    MILLRACE_TRY(looked);
    if (!evolution) return fail(evolution.error());
    if (evolution->changed) {
      if (!before) {
        MILLRACE_TRY(check_adopted(log, service, now));
      }
      const Result<bool> written = write(log, service, *evolution);
      if (!written && (!may_pass(written.error()) || ++failures == failures_max))
        return fail(written.error());
      if (!written) pause(log, environment, failures);
      if (!written || !*written) continue;
      MILLRACE_ASSIGN(const auto missing, raise_beginnings(log, service, *evolution));
      for (const std::string& what : missing)
        if (environment.events) environment.events(Level::warn, "records are missing", what);
    }
    for (const std::string& note : evolution->notes) {
      if (environment.events)
        environment.events(Level::info, "topology changed", service + ": " + note);
    }
    take_names(*evolution, topology);
    return {};
  }
  return fail(millrace::errc::busy, "topic {}: others keep changing it; start the service again",
              manifest_topic(service));
}

Status check_still_there(log::Log& log, const Plan& topology) {
  MILLRACE_ASSIGN(const auto manifest, read_manifest(log, topology.service));
  if (!manifest) return {};
  const auto refuse = [&](const std::string& what) {
    return fail(errc::topology_changed,
                "{} while this instance was no member of the part's group: it works on nothing of "
                "the service any more; start it again",
                what);
  };
  for (const SubTopology& sub : topology.sub_topologies) {
    const std::string of = "part " + sub.name + " of service " + topology.service;
    for (const Manifest::Part& part : manifest->parts) {
      if (part.name != sub.name) continue;
      if (part.state == "reset") return refuse(of + " was reset, or migrated to another part,");
      const std::string other = of_another_version(topology, sub, part);
      if (!other.empty()) return refuse("the version of " + other + " in " + of + " was changed");
    }
  }
  return {};
}

Result<TopologyDiff> diff_topology(log::Log& log, std::string_view description) {
  MILLRACE_ASSIGN(const DescribedTopology described, read_description(description));
  TopologyDiff diff;
  diff.service = described.service;
  MILLRACE_ASSIGN(const auto before, read_manifest(log, diff.service));
  diff.first = !before;
  Status looked;
  Result<Evolution> evolution = evolve(diff.service, described.manifest, before,
                                       names_in(log, diff.service, described.manifest, looked));
  MILLRACE_TRY(looked);
  if (!evolution) return fail(evolution.error());
  if (!before) {
    MILLRACE_TRY(check_adopted(log, diff.service, described.manifest));
  }
  MILLRACE_TRY(check_beginnings(log, diff.service, *evolution));
  diff.accepted = std::move(evolution->notes);
  return diff;
}

}  // namespace millrace::stream
