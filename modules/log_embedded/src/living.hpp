// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::log::embedded {

/// For error messages: the processes that have the log at `path` open, "process 12" or "processes
/// 12, 14", and how to find those whose pid is not known.
[[nodiscard]] std::string describe_living(SharedRegion& region, const std::string& path);

}  // namespace millrace::log::embedded
