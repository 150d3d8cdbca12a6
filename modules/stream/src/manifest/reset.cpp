// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/reset.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "millrace/stream/view.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using Names = std::vector<std::string>;

bool meet(const Names& a, const Names& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) {
    return std::find(b.begin(), b.end(), name) != b.end();
  });
}

bool holds(const Part& part, const std::string& name) {
  return std::any_of(part.stores.begin(), part.stores.end(), [&](const Manifest::Store& store) {
    return store.name == name && !store.removed;
  });
}

Error unknown_store(const Manifest& manifest, const std::string& name) {
  std::string known;
  for (const Part& part : manifest.parts) {
    for (const Manifest::Store& store : part.stores) {
      if (part.state == "live" && !store.removed)
        known.append(known.empty() ? "" : ", ").append(store.name);
    }
  }
  return {errc::unknown_store,
          "there is no store " + name + "; there are: " + (known.empty() ? "none" : known)};
}

// Adds what reads or writes a private topic that a chosen part writes, until nothing is added.
void add_neighbours(const std::vector<Part>& parts, std::vector<bool>& chosen) {
  for (bool added = true; added;) {
    added = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (std::size_t j = 0; j < parts.size(); ++j) {
        if (!chosen[i] || chosen[j] || parts[j].state != "live") continue;
        const Names& written = parts[i].private_sinks;
        if (!meet(written, parts[j].sources) && !meet(written, parts[j].private_sinks)) continue;
        chosen[j] = added = true;
      }
    }
  }
}

Status check_nobody_lives(log::Log& log, std::string_view service) {
  for (const log::GroupInfo& group : log.groups()) {
    if (!group.name.starts_with(std::string(service) + "/") || group.members.empty()) continue;
    return fail(millrace::errc::busy,
                "an instance of " + std::string(service) + " is a member of " + group.name + " (" +
                    group.members.front().name + "): stop all instances of the service first");
  }
  return {};
}

// What the topics hold by now was written for the parts that are given up.
Status begin_behind(log::Log& log, const std::vector<Part>& chosen, Manifest& manifest) {
  for (Manifest::Channel& channel : manifest.channels) {
    const bool written_again = std::any_of(chosen.begin(), chosen.end(), [&](const Part& part) {
      return meet(part.private_sinks, {channel.topic});
    });
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

}  // namespace

Result<TopologyReset> choose_parts(const Manifest& manifest,
                                   const std::vector<std::string>& stores) {
  TopologyReset reset{manifest, {}};
  std::vector<Part>& parts = reset.manifest.parts;
  std::vector<bool> chosen(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i)
    chosen[i] = stores.empty() && parts[i].state != "reset";
  for (const std::string& store : stores) {
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) {
      return part.state == "live" && holds(part, store);
    });
    if (found == parts.end()) return fail(unknown_store(manifest, store));
    chosen[static_cast<std::size_t>(found - parts.begin())] = true;
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
  MILLRACE_ASSIGN(const auto manifest, read_manifest(log, service));
  if (!manifest)
    return fail(millrace::errc::not_found, "the log has no topology of a service " +
                                               std::string(service) +
                                               ": check the name, or start the service once");
  MILLRACE_ASSIGN(TopologyReset reset, choose_parts(*manifest, stores));
  MILLRACE_TRY(begin_behind(log, reset.parts, reset.manifest));
  MILLRACE_TRY(check_nobody_lives(log, service));
  if (dry_run) return reset;
  MILLRACE_ASSIGN(const bool written, write_manifest(log, service, reset.manifest, {}));
  if (!written)
    return fail(millrace::errc::busy, "an instance of " + std::string(service) +
                                          " changed its topology meanwhile: stop all instances");
  // One that started meanwhile has read the manifest before, and works with what was given up.
  MILLRACE_TRY(check_nobody_lives(log, service));
  return reset;
}

}  // namespace millrace::stream
