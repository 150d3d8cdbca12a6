// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// What a start of a build would change in a service's manifest.
struct TopologyDiff {
  std::string service;
  bool first = false;                 ///< the log has no manifest: the names of the build are taken
  std::vector<std::string> accepted;  ///< for people, as the start would report them
};

/// Compares a build's topology, as Topology::describe("json") describes it, with what the log has.
/// Writes nothing. errc::topology_changed, with the table that the start would give, when that
/// would be refused; errc::invalid_argument when it is no description; failures of the log.
[[nodiscard]] Result<TopologyDiff> diff_topology(log::Log& log, std::string_view description);

}  // namespace millrace::stream
