// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/log/log.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream {

/// Gives the parts of a topology the names that they have in the log, and notes in the service's
/// manifest what changed. Comes before anything of the topology is made there.
/// errc::topology_changed, after which nothing is changed; failures of the log.
[[nodiscard]] Status continue_topology(log::Log& log, Topology& topology, const EventSink& events);

}  // namespace millrace::stream
