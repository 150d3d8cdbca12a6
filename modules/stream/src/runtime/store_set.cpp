// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/store_set.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/log/record_size.hpp"
#include "millrace/stream/memory_store.hpp"
#include "millrace/stream/overlay_store.hpp"
#include "runtime/too_large.hpp"

namespace millrace::stream::runtime {

StoreSet::StoreSet(const Plan& topology, const ResolvedSubTopology& resolved,
                   log::PartitionId partition) {
  for (const StoreId id : resolved.spec->stores) {
    Entry entry;
    entry.spec = &topology.stores[static_cast<std::size_t>(id)];
    if (entry.spec->supplier) {
      entry.bytes = std::make_unique<OverlayStore>(
          entry.spec->supplier({topology.service, entry.spec->name, partition}));
    } else {
      entry.bytes = std::make_unique<MemoryStore>();
    }
    if (entry.spec->value_type > 1) codec::append_value_type(entry.headers, entry.spec->value_type);
    for (const Changelog& changelog : resolved.changelogs) {
      if (changelog.store != id) continue;
      entry.changelog = log::TopicPartition{changelog.topic, partition};
      entry.topic_id = changelog.stored_id;
    }
    for (const InputTopic& input : resolved.inputs) {
      for (const std::size_t index : input.sources) {
        if (topology.sources[index].table == id) entry.topic_id = input.stored_id;
      }
    }
    entries_.push_back(std::move(entry));
  }
}

StagedStore* StoreSet::find(StoreId id) const {
  for (const Entry& entry : entries_) {
    if (entry.spec->id == id) return entry.bytes.get();
  }
  return nullptr;
}

bool StoreSet::dirty() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.bytes->dirty(); });
}

void StoreSet::change_only_while(const bool& allowed) {
  for (Entry& entry : entries_)
    entry.bytes->change_only_while(allowed);
}

void StoreSet::savepoint() {
  for (Entry& entry : entries_)
    entry.bytes->savepoint();
}

void StoreSet::rollback() {
  for (Entry& entry : entries_)
    entry.bytes->rollback();
}

StoreSet::Size StoreSet::changes() const {
  Size size;
  for (const Entry& entry : entries_) {
    if (!entry.changelog) continue;
    size.bytes += entry.bytes->changed_bytes();
    size.largest_entry_bytes =
        std::max(size.largest_entry_bytes, entry.bytes->largest_change_bytes());
  }
  return size;
}

Status StoreSet::check_entries(std::size_t record_bytes_max) const {
  Status checked;
  for (const Entry& entry : entries_) {
    if (!entry.changelog) continue;
    entry.bytes->changes_since_savepoint(
        [&](std::string_view key, std::optional<std::string_view> value) {
          const std::size_t bytes = log::record_bytes(record(entry, 0, key, value));
          if (!checked || bytes <= record_bytes_max) return;
          checked = fail(too_large("an entry of store " + entry.spec->name, *entry.spec->key, key,
                                   bytes, record_bytes_max));
        });
  }
  return checked;
}

void StoreSet::write_changes(log::Transaction& transaction, std::int64_t timestamp_ms) {
  for (Entry& entry : entries_) {
    entry.written = 0;
    if (!entry.changelog || !entry.bytes->dirty()) continue;
    // The transaction lists batches in the order of their first record, and nobody else writes this
    // one.
    entry.batch = transaction.batch_count();
    entry.bytes->changes(
        [&](std::string_view key, std::optional<std::string_view> value, std::int64_t time_ms) {
          const std::int64_t record_ms = time_ms == no_entry_time ? timestamp_ms : time_ms;
          transaction.append(*entry.changelog, record(entry, record_ms, key, value));
          ++entry.written;
        });
  }
}

void StoreSet::apply(const log::Committed& committed) {
  for (Entry& entry : entries_) {
    if (entry.written > 0) {
      MILLRACE_ASSERT(entry.batch < committed.partitions.size() &&
                          committed.partitions[entry.batch].partition == *entry.changelog,
                      "the log returns partitions in the order of the transaction's batches");
      entry.next = log::offset(committed.partitions[entry.batch].first.value +
                               static_cast<std::int64_t>(entry.written));
      entry.written = 0;
    }
    entry.bytes->apply();
  }
}

void StoreSet::drop() {
  for (Entry& entry : entries_) {
    entry.written = 0;
    entry.bytes->drop();
  }
}

}  // namespace millrace::stream::runtime
