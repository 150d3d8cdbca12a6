// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/log/log.hpp"

namespace millrace::log {

/// Whether the log knows in which order commits over all its partitions were made, so that
/// FetchedBatch::position orders the records of several; Kafka does not. Thread-safe.
[[nodiscard]] bool has_commit_order(Log& log);

}  // namespace millrace::log
