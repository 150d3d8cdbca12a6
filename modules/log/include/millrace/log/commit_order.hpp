// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/log/log.hpp"

namespace millrace::log {

/// True if the log knows the order of the commits of all its partitions. Then
/// FetchedBatch::position orders records of several partitions. False on Kafka. Thread-safe.
[[nodiscard]] bool has_commit_order(Log& log);

}  // namespace millrace::log
