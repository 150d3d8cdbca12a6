// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// The first of the records whose time is at or after the given one.
[[nodiscard]] std::optional<Offset> first_at_time(std::span<const RecordView> records,
                                                  std::int64_t time_ms);

/// The same of a partition from an offset on, up to the end that fetches of the handle know: reads
/// record by record, for a log that knows no more than that none lies before `from`.
[[nodiscard]] Result<std::optional<Offset>> scan_for_time(Log& log, TopicPartition partition,
                                                          Offset from, std::int64_t time_ms);

}  // namespace millrace::log
