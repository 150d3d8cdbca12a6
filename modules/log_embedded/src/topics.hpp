// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "catalog.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"
#include "segment_maker.hpp"

namespace millrace::log::embedded {

/// The topics and groups of an open log: reads what members appended to `__catalog`, and finds the
/// rows of partitions in the control file. Thread-safe.
class Topics {
 public:
  /// All outlive it.
  Topics(LogDirectory& directory, Journal& journal, Index& index, SegmentMaker& segments)
      : directory_(directory), journal_(journal), index_(index), segments_(segments) {}

  /// What is known so far.
  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  /// Reads about topics and groups that other members created.
  [[nodiscard]] Status refresh();
  /// Applies one record of `__catalog` from a frame.
  [[nodiscard]] Status apply(std::string_view record) { return catalog_.apply(record); }
  /// Call it when all records of `__catalog` in the index, and before it, were applied.
  void applied_all();
  /// As of the last commit to `__catalog`. errc::unknown_topic, topic_replaced when it was deleted.
  [[nodiscard]] Result<const CatalogTopic*> topic(TopicId id);
  /// The same, and errc::unknown_partition.
  [[nodiscard]] Result<PartitionRow*> row(TopicPartition partition);
  /// The same, but also for a deleted topic, because the journal may still have its records.
  /// errc::unknown_topic, unknown_partition.
  [[nodiscard]] Result<PartitionRow*> row_of_any(TopicPartition partition);
  /// errc::not_found.
  [[nodiscard]] Status check_group(GroupId group);

 private:
  [[nodiscard]] Result<const CatalogTopic*> any_topic(TopicId id);
  [[nodiscard]] Result<PartitionRow*> row_of(const CatalogTopic& topic, PartitionId partition);
  /// True if other members appended to `__catalog` since refresh().
  [[nodiscard]] bool has_news() const;
  [[nodiscard]] Status take_checkpoint(const PartitionRow& row) MILLRACE_REQUIRES(next_mutex_);
  [[nodiscard]] Status take_batch(const IndexEntry& entry) MILLRACE_REQUIRES(next_mutex_);

  LogDirectory& directory_;
  Journal& journal_;
  Index& index_;
  SegmentMaker& segments_;
  Catalog catalog_;
  Mutex next_mutex_;
  /// The next batch of `__catalog` to read.
  std::uint64_t next_ MILLRACE_GUARDED_BY(next_mutex_) = 0;
  std::atomic<std::uint64_t> seen_ = 0;  ///< the same number, for those without the mutex
  /// What the index never had, or the journal has no more, was applied.
  bool began_ MILLRACE_GUARDED_BY(next_mutex_) = false;
};

}  // namespace millrace::log::embedded
