// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// The offset of the first record whose timestamp is at or after `time_ms`; no value if there is
/// none.
[[nodiscard]] std::optional<Offset> first_at_time(std::span<const RecordView> records,
                                                  std::int64_t time_ms);

/// The same for a partition, from `from` up to the end that fetches of this handle know. Reads
/// record by record; for a log that only knows that no such record is before `from`.
[[nodiscard]] Result<std::optional<Offset>> scan_for_time(Log& log, TopicPartition partition,
                                                          Offset from, std::int64_t time_ms);

}  // namespace millrace::log
