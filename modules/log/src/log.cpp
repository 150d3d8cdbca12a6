// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/log.hpp"

namespace millrace::log {

Status Log::wait_visible(const Committed& /*committed*/, std::int64_t /*deadline_ns*/) {
  return {};
}

Result<std::vector<Offset>> Log::start_offsets(std::span<const TopicPartition> places) {
  std::vector<Offset> all(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    MILLRACE_ASSIGN(all[i], start_offset(places[i]));
  }
  return all;
}

Result<std::vector<Offset>> Log::end_offsets(std::span<const TopicPartition> places) {
  std::vector<Offset> all(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    MILLRACE_ASSIGN(all[i], end_offset(places[i]));
  }
  return all;
}

Result<std::vector<std::optional<Offset>>> Log::positions(GroupId group,
                                                          std::span<const TopicPartition> places) {
  std::vector<std::optional<Offset>> all(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    MILLRACE_ASSIGN(all[i], position(group, places[i]));
  }
  return all;
}

}  // namespace millrace::log
