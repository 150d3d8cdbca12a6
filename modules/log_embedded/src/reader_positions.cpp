// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "reader_positions.hpp"

#include <algorithm>

namespace millrace::log::embedded {

void ReaderPositions::add(TopicPartition partition, const TopicLimits& limits) {
  if (limits.waits_for_readers) {
    readers_.insert_or_assign(partition, Reader{limits.reader, false, {}});
  }
}

void ReaderPositions::take(std::span<const PositionRecord> positions,
                           const std::vector<std::string>& groups) {
  for (const PositionRecord& position : positions) {
    const auto found = readers_.find(position.partition);
    if (found == readers_.end()) {
      continue;
    }
    Reader& reader = found->second;
    const auto group = static_cast<std::size_t>(position.group.value);
    const bool has_name = group < groups.size();
    const bool is_reader =
        reader.prefix.empty() || (has_name && groups[group].starts_with(reader.prefix));
    reader.is_known = reader.is_known || is_reader;
    // A group that is so new that its name is not known here may be a reader, or not.
    if (is_reader || !has_name) {
      const Offset next = offset(position.next);
      reader.smallest = std::min(reader.smallest.value_or(next), next);
    }
  }
}

std::optional<Offset> ReaderPositions::kept_from(TopicPartition partition) const {
  const auto found = readers_.find(partition);
  if (found == readers_.end()) {
    return std::nullopt;
  }
  const Reader& reader = found->second;
  // A reader that has not come yet has everything before it.
  return reader.is_known || reader.prefix.empty() ? reader.smallest : Offset{};
}

}  // namespace millrace::log::embedded
