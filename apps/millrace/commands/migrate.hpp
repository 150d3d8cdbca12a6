// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "program.hpp"

namespace CLI {
class App;
}

namespace millrace::cli {

struct MigrateOptions {
  std::string description;  ///< of the build, as Topology::describe("json")
  bool dry_run = false;
  bool json = false;
};
/// As stream::migrate_topology(): `log` is a handle of the service, or any for a dry run.
[[nodiscard]] Status migrate_topology(log::Log& log, const MigrateOptions& options, Output& out);
/// The command below `topology`.
CLI::App* add_topology_migrate(CLI::App& topology, Action& action);

}  // namespace millrace::cli
