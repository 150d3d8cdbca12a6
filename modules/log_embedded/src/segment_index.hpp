// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// The content of the file `<20 digits>.batches` beside a segment of the journal: the locations of
/// the batches of the segment. It is made from the segment, so if it is missing or damaged, the
/// segment must be read. docs/formats/journal.md.
struct SegmentIndex {
  std::uint64_t log_id = 0;
  std::uint64_t start = 0;     ///< of the segment
  std::uint64_t end = 0;       ///< where the next one begins
  std::uint32_t previous = 0;  ///< checksum of the frame before the first one
  std::uint32_t checksum = 0;  ///< of the last frame
  struct Partition {
    TopicPartition id;
    std::vector<IndexEntry> entries;
  };
  std::vector<Partition> partitions;

  [[nodiscard]] std::string encode() const;
  /// errc::corrupt for everything that this build could not have written, including newer versions.
  [[nodiscard]] static Result<SegmentIndex> decode(std::string_view bytes);
};

}  // namespace millrace::log::embedded
