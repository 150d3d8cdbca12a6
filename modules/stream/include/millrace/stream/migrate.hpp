// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// How parts of a service's topology become others, with their state.
struct TopologyMigration {
  struct Part {
    std::string name;                 ///< of the new part
    std::vector<std::string> from;    ///< names of the parts that it continues
    std::vector<std::string> reads;   ///< topics whose positions it takes over
    std::vector<std::string> stores;  ///< that it takes over
  };
  std::string service;
  std::vector<Part> parts;            ///< empty: the build starts without a migration
  std::vector<std::string> accepted;  ///< what else changes, for people
};

/// Merges and splits parts for the build that Topology::describe("json") describes: each new part
/// takes over the stores, with their changelogs, the positions in the inputs, and the timers of the
/// parts that it continues, which are given up. All of it is one commit, so that after a failure
/// nothing was changed, and it can be repeated; one failure comes after the commit, and says so:
/// errc::topology_changed when records were removed meanwhile that a new part would read. `log` is
/// a handle of the service; when `dry_run`, any, and nothing is written. errc::topology_changed,
/// with a table, when state or positions cannot be taken over; base's errc::invalid_argument when
/// it is no description, errc::not_found when the log has nothing of the service, errc::busy while
/// an instance of it lives; failures of the log.
[[nodiscard]] Result<TopologyMigration> migrate_topology(log::Log& log,
                                                         std::string_view description,
                                                         bool dry_run);

}  // namespace millrace::stream
