// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "copy/offset_map.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"

namespace millrace::connect {

void PartitionMap::add(OffsetRun run) {
  MILLRACE_ASSERT(run.count > 0 && log::offset(run.source) >= source_next() &&
                      log::offset(run.target) >= target_next(),
                  "records are copied in their order");
  records_ += run.count;
  if (!runs_.empty()) {
    OffsetRun& last = runs_.back();
    if (last.source + last.count == run.source && last.target + last.count == run.target) {
      last.count += run.count;
      return;
    }
  }
  runs_.push_back(run);
}

log::Offset PartitionMap::source_next() const {
  return runs_.empty() ? log::Offset{} : log::offset(runs_.back().source + runs_.back().count);
}

log::Offset PartitionMap::target_next() const {
  return runs_.empty() ? log::Offset{} : log::offset(runs_.back().target + runs_.back().count);
}

std::vector<OffsetRun>::const_iterator PartitionMap::at_or_after(log::Offset source) const {
  return std::partition_point(runs_.begin(), runs_.end(), [&](const OffsetRun& run) {
    return run.source + run.count <= source.value;
  });
}

std::optional<log::Offset> PartitionMap::find(log::Offset source) const {
  const auto run = at_or_after(source);
  if (run == runs_.end() || run->source > source.value) return std::nullopt;
  return log::offset(run->target + (source.value - run->source));
}

std::optional<log::Offset> PartitionMap::translate(log::Offset source) const {
  const auto run = at_or_after(source);
  if (run == runs_.end()) return std::nullopt;
  return log::offset(run->target + std::max<std::int64_t>(0, source.value - run->source));
}

log::Offset PartitionMap::copied_before(log::Offset source) const {
  auto run = at_or_after(source);
  if (run != runs_.end() && run->source < source.value)
    return log::offset(run->target + (source.value - run->source));
  if (run == runs_.begin()) return {};
  --run;
  return log::offset(run->target + run->count);
}

std::string to_string(const PartitionName& partition) {
  return partition.first + "-" + std::to_string(partition.second);
}

}  // namespace millrace::connect
