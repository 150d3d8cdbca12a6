// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// What the manifest keeps of a sub-topology, with the names of this build.
[[nodiscard]] Manifest::Part part_shape(const Topology& topology, const SubTopology& part);
/// What it keeps of the private topics that the topology writes.
[[nodiscard]] std::vector<Manifest::Channel> channel_shapes(const Topology& topology);

}  // namespace millrace::stream
