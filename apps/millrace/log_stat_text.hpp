// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/log_embedded/tools.hpp"
#include "output.hpp"

namespace millrace::cli {

/// What `millrace log stat` prints: sizes, members, and a table of topics.
void print_stat(const log::LogStat& stat, Output& out);
/// The same as one JSON object, with the partitions of each topic.
[[nodiscard]] std::string stat_json(const log::LogStat& stat);

}  // namespace millrace::cli
