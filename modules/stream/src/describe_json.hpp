// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// {"service", "sub_topologies": [{"name", "partitions", "sources", "sinks", "stores", "nodes"}],
/// "topics"}.
[[nodiscard]] std::string describe_json(const Plan& plan);

}  // namespace millrace::stream
