// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "log_parts.hpp"

namespace millrace::log::embedded {

/// What readers see of a partition: never anything of a commit that is not whole.
struct VisibleEnd {
  std::uint64_t count = 0;  ///< index entries
  std::int64_t end = 0;     ///< one past the last offset
};
[[nodiscard]] Result<VisibleEnd> visible_end(LogParts& log, const PartitionRow& row);

/// Log::fetch.
[[nodiscard]] Status fetch_records(LogParts& log, TopicPartition partition, Offset from,
                                   std::size_t max_bytes, FetchBuffer& buffer);

}  // namespace millrace::log::embedded
