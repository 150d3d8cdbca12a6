// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "log_parts.hpp"

namespace millrace::log::embedded {

/// Log::find_time. Finds the first batch that is late enough in the index, and reads only that
/// batch.
[[nodiscard]] Result<std::optional<Offset>> find_time(LogParts& log, TopicPartition partition,
                                                      std::int64_t time_ms);

}  // namespace millrace::log::embedded
