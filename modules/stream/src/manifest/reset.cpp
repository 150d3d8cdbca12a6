// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/reset.hpp"

#include <algorithm>
#include <optional>

#include "manifest/change_at_rest.hpp"
#include "manifest/manifest_version.hpp"
#include "manifest/part_links.hpp"
#include "manifest/part_positions.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using Names = std::vector<std::string>;

bool holds(const Part& part, const std::string& name) {
  return std::any_of(part.stores.begin(), part.stores.end(), [&](const Manifest::Store& store) {
    return store.name == name && !store.removed;
  });
}

bool had_a_store_of(const Part& a, const Part& b) {
  return std::any_of(a.stores.begin(), a.stores.end(),
                     [&](const Manifest::Store& store) { return holds(b, store.name); });
}

// Given up, and a part that came later has its place.
bool is_replaced(const std::vector<Part>& parts, const Part& part) {
  if (part.state != "reset") return false;
  return std::any_of(parts.begin(), parts.end(), [&](const Part& other) {
    return other.number > part.number &&
           (had_a_store_of(part, other) || meet(part.sources, other.sources));
  });
}

bool writes(const Part& part, const Names& topics) {
  return meet(part.private_sinks, topics) ||
         (part.former_sinks && meet(*part.former_sinks, topics));
}

// The state has what was read by earlier builds too.
bool reads(const Part& part, const Names& topics) {
  return meet(part.sources, topics) || (part.former_sources && meet(*part.former_sources, topics));
}

Error unknown_store(const Manifest& manifest, const std::string& name) {
  Names known;
  for (const Part& part : manifest.parts) {
    if (is_replaced(manifest.parts, part)) continue;
    for (const Manifest::Store& store : part.stores) {
      if (!store.removed && !meet(known, {store.name})) known.push_back(store.name);
    }
  }
  std::string list;
  for (const std::string& store : known)
    list.append(list.empty() ? "" : ", ").append(store);
  return {errc::unknown_store,
          "there is no store " + name + "; there are: " + (list.empty() ? "none" : list)};
}

// The part that holds it, before those that are not in the topology: one that was given up is reset
// again as long as none has its place.
std::optional<std::size_t> part_with(const std::vector<Part>& parts, const std::string& store) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!holds(parts[i], store) || is_replaced(parts, parts[i])) continue;
    if (!found || parts[*found].state != "live") found = i;
  }
  return found;
}

bool reads_lost_records_of(const Part& part, const Part& writer, const Names& lost) {
  return std::any_of(lost.begin(), lost.end(), [&](const std::string& topic) {
    return reads(part, {topic}) && writes(writer, {topic});
  });
}

// Adds, until nothing is added, what reads or writes a topic that a chosen part writes or once
// wrote, and what writes or wrote a repartition that one reads and that has lost records.
void add_neighbours(const std::vector<Part>& parts, const Names& lost, std::vector<bool>& chosen) {
  for (bool added = true; added;) {
    added = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (std::size_t j = 0; j < parts.size(); ++j) {
        if (!chosen[i] || chosen[j] || is_replaced(parts, parts[j])) continue;
        const auto meets = [&](const Names& written) {
          return reads(parts[j], written) || writes(parts[j], written);
        };
        const bool connected = meets(parts[i].private_sinks) ||
                               (parts[i].former_sinks && meets(*parts[i].former_sinks)) ||
                               reads_lost_records_of(parts[i], parts[j], lost);
        if (connected) chosen[j] = added = true;
      }
    }
  }
}

std::string joined(const Names& names, const std::string& before) {
  std::string text;
  for (const std::string& name : names)
    text.append(text.empty() ? "" : " ").append(before).append(name);
  return text;
}

// The first partition of the topic of which the beginning was removed; empty: none.
Result<std::string> removed_beginning(log::Log& log, const std::string& name) {
  const Result<log::Topic> topic = log.find_topic(name);
  if (!topic && topic.error().is(log::errc::unknown_topic)) return std::string();
  if (!topic) return fail(topic.error());
  for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset({topic->id, log::partition(i)}));
    if (start > log::Offset{})
      return "topic " + name + ", partition " + std::to_string(i) + ", begins at offset " +
             std::to_string(start.value);
  }
  return std::string();
}

// A store that nobody asked for must not lose what its inputs no longer have.
Status check_inputs(log::Log& log, TopologyReset& reset) {
  Names stores;
  std::string gone;
  for (const Part& part : reset.parts) {
    const bool is_added = has(reset.added, part.name);
    for (const Manifest::Store& store : part.stores) {
      if (is_added && !store.removed) stores.push_back(store.name);
    }
    for (const std::string& source : part.sources) {
      const bool written_again =
          std::any_of(reset.parts.begin(), reset.parts.end(),
                      [&](const Part& other) { return writes(other, {source}); });
      if (written_again) continue;
      MILLRACE_ASSIGN(const std::string removed, removed_beginning(log, source));
      if (removed.empty()) continue;
      if (!has(reset.removed, removed)) reset.removed.push_back(removed);
      if (is_added) gone = removed;
    }
  }
  if (gone.empty() || stores.empty()) return {};
  return fail(millrace::errc::invalid_argument,
              "a repartition no longer has the records that were read from it, so the parts that "
              "write to it have to be rebuilt too, with {}; but {}, and these stores may lose what "
              "came before: nothing was changed. To rebuild them from what is left, add {}",
              listed(stores), gone, joined(stores, "--store "));
}

// What the topics hold by now was written for the parts that are given up.
Status begin_behind(log::Log& log, TopologyReset& reset, bool all) {
  for (Manifest::Channel& channel : reset.manifest.channels) {
    const bool written_again =
        all || std::any_of(reset.parts.begin(), reset.parts.end(),
                           [&](const Part& part) { return writes(part, {channel.topic}); });
    if (!written_again) continue;
    channel.key.clear();
    channel.value.clear();
    channel.from.clear();
    channel.from_topic.reset();
    const Result<log::Topic> topic = log.find_topic(channel.topic);
    if (!topic && topic.error().is(log::errc::unknown_topic)) continue;
    if (!topic) return fail(topic.error());
    for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
      MILLRACE_ASSIGN(const log::Offset end, log.end_offset({topic->id, log::partition(i)}));
      channel.from.push_back(end.value);
    }
    if (const std::uint64_t id = log::stored_topic_id(log, topic->id); id != 0)
      channel.from_topic = id;
  }
  return {};
}

// For what a build without a manifest left: no part is known, so that the next start makes all of
// them new, and they begin behind what the private topics hold.
Result<Manifest> manifest_of_unknown(log::Log& log, std::string_view service, const Names& stores) {
  Manifest manifest;
  manifest.version = version_of(manifest);
  manifest.plan_version = plan_version;
  bool known = false;
  MILLRACE_ASSIGN(const auto topics, log.topics());
  for (const log::Topic& topic : topics) {
    if (topic.spec.owner != service) continue;
    known = true;
    if (topic.spec.kind == log::TopicKind::private_topic && !log::is_state(topic.spec))
      manifest.channels.push_back({topic.spec.name, {}, {}, {}, {}, {}});
  }
  if (!known)
    return fail(
        millrace::errc::not_found,
        "the log has no topology of a service {}: check the name, or start the service once",
        service);
  if (!stores.empty())
    return fail(millrace::errc::not_found,
                "the log has no manifest of service {}, so that which part holds store {} is not "
                "known: reset all of it, without --store",
                service, stores.front());
  return manifest;
}

}  // namespace

Result<TopologyReset> choose_parts(const Manifest& manifest, const std::vector<std::string>& stores,
                                   const std::vector<std::string>& lost) {
  TopologyReset reset{manifest, {}, {}, {}};
  std::vector<Part>& parts = reset.manifest.parts;
  std::vector<bool> chosen(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i)
    chosen[i] = stores.empty() && !is_replaced(parts, parts[i]);
  for (const std::string& store : stores) {
    const auto found = part_with(parts, store);
    if (!found) return fail(unknown_store(manifest, store));
    chosen[*found] = true;
  }
  add_neighbours(parts, {}, chosen);
  const std::vector<bool> asked = chosen;
  add_neighbours(parts, lost, chosen);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!chosen[i]) continue;
    if (!asked[i]) reset.added.push_back(parts[i].name);
    reset.parts.push_back(parts[i]);
    parts[i].state = "reset";
  }
  ++reset.manifest.revision;
  return reset;
}

Result<TopologyReset> reset_topology(log::Log& log, std::string_view service,
                                     const std::vector<std::string>& stores, bool dry_run) {
  // Before the ends are read: who lives may still write.
  MILLRACE_TRY(check_nobody_lives(log, service));
  MILLRACE_ASSIGN(auto manifest, read_manifest(log, service));
  if (!manifest) {
    MILLRACE_ASSIGN(manifest, manifest_of_unknown(log, service, stores));
  }
  MILLRACE_ASSIGN(const Names lost, lost_repartitions(log, *manifest));
  MILLRACE_ASSIGN(TopologyReset reset, choose_parts(*manifest, stores, lost));
  MILLRACE_TRY(check_inputs(log, reset));
  MILLRACE_TRY(begin_behind(log, reset, stores.empty()));
  reset.manifest.version = version_of(reset.manifest);
  if (dry_run) return reset;
  log::Transaction transaction;
  MILLRACE_TRY(add_holds(log, service, reset.manifest, reset.parts, transaction));
  MILLRACE_TRY(write_at_rest(log, service, reset.manifest, std::move(transaction)));
  // What was removed until the groups held it.
  MILLRACE_ASSIGN(Names lost_since, lost_repartitions(log, reset.manifest));
  std::erase_if(lost_since, [&](const std::string& topic) { return has(lost, topic); });
  for (const Part& part : reset.parts) {
    if (!meet(part.sources, lost_since)) continue;
    return fail(millrace::errc::busy,
                "records of {} were removed meanwhile: do it again, so that the parts that write "
                "to it are rebuilt too",
                listed(lost_since));
  }
  return reset;
}

}  // namespace millrace::stream
