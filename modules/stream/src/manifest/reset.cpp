// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/reset.hpp"

#include <algorithm>
#include <optional>

#include "manifest/change_at_rest.hpp"
#include "manifest/manifest_version.hpp"
#include "manifest/part_links.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
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

// Adds what reads or writes a topic that a chosen part writes or once wrote, until nothing is
// added.
void add_neighbours(const std::vector<Part>& parts, std::vector<bool>& chosen) {
  for (bool added = true; added;) {
    added = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (std::size_t j = 0; j < parts.size(); ++j) {
        if (!chosen[i] || chosen[j] || is_replaced(parts, parts[j])) continue;
        const auto meets = [&](const Names& written) {
          return reads(parts[j], written) || writes(parts[j], written);
        };
        const bool connected = meets(parts[i].private_sinks) ||
                               (parts[i].former_sinks && meets(*parts[i].former_sinks));
        if (connected) chosen[j] = added = true;
      }
    }
  }
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
    const Result<log::Topic> topic = log.find_topic(channel.topic);
    if (!topic && topic.error().is(log::errc::unknown_topic)) continue;
    if (!topic) return fail(topic.error());
    for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
      MILLRACE_ASSIGN(const log::Offset end, log.end_offset({topic->id, log::partition(i)}));
      channel.from.push_back(end.value);
    }
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
    return fail(millrace::errc::not_found, "the log has no topology of a service " +
                                               std::string(service) +
                                               ": check the name, or start the service once");
  if (!stores.empty())
    return fail(millrace::errc::not_found,
                "the log has no manifest of service " + std::string(service) +
                    ", so that which part holds store " + stores.front() +
                    " is not known: reset all of it, without --store");
  return manifest;
}

}  // namespace

Result<TopologyReset> choose_parts(const Manifest& manifest,
                                   const std::vector<std::string>& stores) {
  TopologyReset reset{manifest, {}};
  std::vector<Part>& parts = reset.manifest.parts;
  std::vector<bool> chosen(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i)
    chosen[i] = stores.empty() && !is_replaced(parts, parts[i]);
  for (const std::string& store : stores) {
    const auto found = part_with(parts, store);
    if (!found) return fail(unknown_store(manifest, store));
    chosen[*found] = true;
  }
  add_neighbours(parts, chosen);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!chosen[i]) continue;
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
  MILLRACE_ASSIGN(TopologyReset reset, choose_parts(*manifest, stores));
  MILLRACE_TRY(begin_behind(log, reset, stores.empty()));
  if (dry_run) return reset;
  MILLRACE_TRY(write_at_rest(log, service, reset.manifest));
  return reset;
}

}  // namespace millrace::stream
