// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/map_store.hpp"

#include <iterator>

namespace millrace::testkit {

std::optional<stream::ByteStore::Entry> MapStore::get(std::string_view key) const {
  const SharedLock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

// A copy, so that no lock is held while the visitor reads the store.
void MapStore::range(std::string_view from, std::string_view to, Visitor visit) const {
  std::map<std::string, Entry, std::less<>> copy;
  {
    const SharedLock lock(mutex_);
    for (auto entry = entries_.lower_bound(from);
         entry != entries_.end() && (to.empty() || entry->first < to); ++entry)
      copy.insert(copy.end(), *entry);
  }
  for (const auto& [key, entry] : copy) {
    if (!visit(key, entry.value, entry.time_ms)) return;
  }
}

std::optional<std::string> MapStore::last_key(std::optional<std::string_view> before) const {
  const SharedLock lock(mutex_);
  const auto end = before ? entries_.lower_bound(*before) : entries_.end();
  return end == entries_.begin() ? std::nullopt : std::optional(std::prev(end)->first);
}

std::size_t MapStore::size() const {
  const SharedLock lock(mutex_);
  return entries_.size();
}

std::size_t MapStore::bytes() const {
  const SharedLock lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [key, entry] : entries_)
    bytes += key.size() + entry.value.size();
  return bytes;
}

void MapStore::write(std::span<const Change> changes) {
  const UniqueLock lock(mutex_);
  for (const Change& change : changes) {
    if (change.value) {
      entries_.insert_or_assign(std::string(change.key),
                                Entry{std::string(*change.value), change.time_ms});
    } else if (const auto found = entries_.find(change.key); found != entries_.end()) {
      entries_.erase(found);
    }
  }
}

void MapStore::clear() {
  const UniqueLock lock(mutex_);
  entries_.clear();
}

}  // namespace millrace::testkit
