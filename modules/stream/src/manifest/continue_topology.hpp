// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "manifest/evolution.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream {

/// Gives the parts of a topology the names that they have in the log, and notes in the service's
/// manifest what changed. Comes before anything of the topology is made there. Where others write
/// the manifest at the same time it waits for a moment and tries again.
/// errc::topology_changed, after which nothing is changed; failures of the log.
[[nodiscard]] Status continue_topology(log::Log& log, Plan& topology,
                                       const Instance::Environment& environment);

/// Whether the log still has the parts of a topology that took its names from it, with stores and
/// processors of the same versions: an instance that was no member for a while does not know of a
/// reset, nor of a version that was accepted. errc::topology_changed, failures of the log.
[[nodiscard]] Status check_still_there(log::Log& log, const Plan& topology);

/// What a log has of a name. `now`: what the build reads. `failed`: the first failure of the log;
/// what was returned then means nothing. All outlive the result.
[[nodiscard]] TakenNames names_in(log::Log& log, const std::string& service, const Manifest& now,
                                  Status& failed);

}  // namespace millrace::stream
