// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/stream/staged_store.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// A task's stores and their changelogs.
class StoreSet {
 public:
  struct Entry {
    const StoreSpec* spec = nullptr;
    std::unique_ptr<StagedStore> bytes;
    std::optional<log::TopicPartition> changelog;  ///< none where the source is the changelog
    /// log::stored_topic_id() of the changelog, or of the source that is one.
    std::uint64_t topic_id = 0;
    /// Of its records in the changelog; empty for the first type of values.
    codec::EncodedHeaders headers;
    log::Offset next;         ///< of the changelog: up to there it is in the store
    std::size_t batch = 0;    ///< its batch in the transaction under way
    std::size_t written = 0;  ///< records in it
  };

  StoreSet(const Plan& topology, const ResolvedSubTopology& resolved, log::PartitionId partition);

  /// Null when this task has no such store.
  [[nodiscard]] StagedStore* find(StoreId id) const;
  [[nodiscard]] std::vector<Entry>& entries() { return entries_; }
  [[nodiscard]] bool dirty() const;

  /// As StagedStore::change_only_while, for all of them.
  void change_only_while(const bool& allowed);
  /// What changes from here on can be taken back by rollback().
  void savepoint();
  void rollback();
  struct Size {
    std::size_t bytes = 0;  ///< what write_changes() will add to a transaction, at most
    std::size_t largest_entry_bytes = 0;  ///< at most, of those changed since the savepoint
  };
  [[nodiscard]] Size changes() const;
  /// Each entry changed since the savepoint fits into a record of its changelog. log's
  /// errc::too_large, with store, key, size and limit. Needed when the largest entry may not fit.
  [[nodiscard]] Status check_entries(std::size_t record_bytes_max) const;

  /// Writes what changed to the changelogs, each entry with its event time, or with `timestamp_ms`
  /// when it has none.
  void write_changes(log::Transaction& transaction, std::int64_t timestamp_ms);
  void apply(const log::Committed& committed);
  void drop();

 private:
  static log::Record record(const Entry& entry, std::int64_t timestamp_ms, std::string_view key,
                            std::optional<std::string_view> value) {
    return {timestamp_ms, key, value, {entry.headers.bytes, entry.headers.count}};
  }

  std::vector<Entry> entries_;
};

}  // namespace millrace::stream::runtime
