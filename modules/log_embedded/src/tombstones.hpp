// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "log_parts.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// Log::tombstones_complete_from. Compaction writes it durably before it removes the first
/// tombstone.
[[nodiscard]] Result<Offset> tombstones_complete_from(LogParts& log, TopicPartition partition);

}  // namespace millrace::log::embedded
