// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "cursor.hpp"

namespace millrace::log::kafka {

std::shared_ptr<Reader::Cursor> Reader::Lane::find(TopicPartition place) const {
  const auto found = cursors_.find(place);
  return found == cursors_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Reader::Cursor>> Reader::Lane::add(TopicPartition place,
                                                          const KafkaPlace& at) {
  MILLRACE_ASSIGN(std::shared_ptr<Cursor> made, make(at));
  cursors_[place] = made;
  return made;
}

void Reader::Lane::drop_unused_since(std::int64_t time_ns) {
  std::erase_if(cursors_, [&](const auto& entry) {
    const std::unique_lock attempt(entry.second->mutex, std::try_to_lock);
    return attempt.owns_lock() && entry.second.use_count() == 1 && entry.second->used_ns < time_ns;
  });
}

}  // namespace millrace::log::kafka
