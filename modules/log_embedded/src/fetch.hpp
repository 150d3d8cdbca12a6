// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "log_parts.hpp"

namespace millrace::log::embedded {

/// The part of a partition that readers see. It never includes a part of an incomplete commit.
struct VisibleEnd {
  std::uint64_t count = 0;  ///< index entries
  std::int64_t end = 0;     ///< one past the last offset
};
[[nodiscard]] Result<VisibleEnd> visible_end(LogParts& log, const PartitionRow& row);

/// Log::fetch.
[[nodiscard]] Status fetch_records(LogParts& log, TopicPartition partition, Offset from,
                                   std::size_t max_bytes, FetchBuffer& buffer);

}  // namespace millrace::log::embedded
