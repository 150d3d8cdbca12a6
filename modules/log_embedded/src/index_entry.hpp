// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace::log::embedded {

/// The location of a batch, as it is in shared memory. Positions are not relative to a base,
/// because batches of a partition with few writes may be far apart.
struct IndexEntry {
  std::int64_t end = 0;            ///< one past the last offset of the batch
  std::uint64_t position = 0;      ///< of the batch in the journal
  std::uint32_t bytes = 0;         ///< of the batch
  std::uint32_t frame_offset = 0;  ///< of the batch in its frame
  std::int64_t time_ms = 0;        ///< the latest time of the batch's records
  // What follows depends on the entries before it, and is not in the index file of a segment.
  std::uint32_t latest_back = 0;  ///< time_search.hpp
  std::uint32_t reserved = 0;
};
static_assert(sizeof(IndexEntry) == 40);

}  // namespace millrace::log::embedded
