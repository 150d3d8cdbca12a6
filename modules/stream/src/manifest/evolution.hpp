// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// How a topology continues what a log has.
struct Evolution {
  Manifest manifest;               ///< the next one
  std::vector<std::size_t> parts;  ///< of each of Plan::sub_topologies: its index in it
  std::vector<std::size_t> fresh;  ///< indexes in the manifest of the parts that are new
  /// Indexes in the manifest of parts that continue, each with a topic that it did not read before.
  std::vector<std::pair<std::size_t, std::string>> added_sources;
  std::map<std::string, std::string> topics;  ///< of private ones: by the build's name, the log's
  std::vector<std::string> notes;             ///< what was accepted, for people
  bool changed = false;                       ///< `manifest` differs from the one before
};

/// What the log has. A new part or store must not take a name that is there: what an earlier
/// version left under it is not its own.
struct TakenNames {
  std::function<bool(const std::string& group)> group;
  std::function<bool(const std::string& topic)> topic;
  std::function<bool(const std::string& group)> has_members;
};

/// Matches the parts of `now`, a first_manifest(), with those of the manifest, by their stores and
/// inputs, and compares. Without a manifest the names of this build are taken.
/// errc::topology_changed with a table of what cannot be continued.
[[nodiscard]] Result<Evolution> evolve(const std::string& service, const Manifest& now,
                                       const std::optional<Manifest>& before,
                                       const TakenNames& taken);

/// Gives the topology the names of the manifest.
void take_names(const Evolution& evolution, Plan& topology);

}  // namespace millrace::stream
