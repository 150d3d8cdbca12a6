// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

namespace retail {

/// Takes those MILLRACE_* variables out of the environment that a run does not mean to pass on:
/// each of its services would take an instance number, an address or a log from there. What stays
/// is how much services do at once, how often they commit, and where the tools keep Kafka. Returns
/// the names that went, sorted. Before other threads start.
[[nodiscard]] std::vector<std::string> drop_foreign_variables();

}  // namespace retail
