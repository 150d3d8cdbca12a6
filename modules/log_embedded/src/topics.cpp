// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topics.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::embedded {

Status Topics::refresh() {
  const MutexLock guard(next_mutex_);
  const Control& control = directory_.control();
  const PartitionRow& row = control.partitions[0];
  // Who joins a log that settled finds only the last of it in the index.
  if (!began_ && row.settled.load(std::memory_order_acquire) > 0) {
    MILLRACE_TRY(take_checkpoint(row));
  }
  began_ = true;
  while (true) {
    const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
    const std::uint64_t committed = control.committed.load(std::memory_order_seq_cst);
    if (next_ >= count) {
      return {};
    }
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, next_));
    if (entry.position >= committed) {
      return {};
    }
    Status taken = take_batch(entry);
    if (taken) {
      seen_.store(++next_, std::memory_order_release);
    } else if (entry.position < control.begin.load(std::memory_order_acquire)) {
      MILLRACE_TRY(take_checkpoint(row));
    } else {
      return taken;
    }
  }
}

/// The checkpoint has all of the catalog that lies before it, and so all that was removed from the
/// journal.
Status Topics::take_checkpoint(const PartitionRow& row) {
  const auto read = read_checkpoint(directory_.files(), directory_.path());
  if (!read && !read.error().is(errc::corrupt)) {
    return fail(read.error());
  }
  const Checkpoint* const checkpoint = read && *read ? &**read : nullptr;
  if (checkpoint == nullptr) {
    return fail(errc::corrupt,
                "{}{}: missing or damaged; stop all processes of this log in order, without kill "
                "-9, and open it again: the last one to leave writes that file",
                directory_.path(), names::checkpoint);
  }
  for (const std::string& record : checkpoint->catalog) {
    MILLRACE_TRY(catalog_.apply(record));
  }
  const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
  while (next_ < count) {
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, next_));
    if (entry.position >= checkpoint->position) {
      break;
    }
    next_ += 1;
  }
  seen_.store(next_, std::memory_order_release);
  return {};
}

Status Topics::take_batch(const IndexEntry& entry) {
  MILLRACE_TRY(segments_.refresh());
  std::string batch(entry.bytes, '\0');
  MILLRACE_ASSIGN(const std::size_t got, journal_.read(entry.position, batch.data(), batch.size()));
  const auto header = read_batch_header(std::string_view(batch).substr(0, got));
  if (!header || !batch_checksum_holds(std::string_view(batch).substr(0, header->bytes))) {
    return fail(errc::corrupt, "{}: the batch at position {} of the catalog does not check",
                journal_.path_of(entry.position), entry.position);
  }
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(std::string_view(batch).substr(0, header->bytes), records));
  for (const RecordView& record : records) {
    MILLRACE_TRY(catalog_.apply(record.value.value_or("")));
  }
  return {};
}

void Topics::applied_all() {
  const MutexLock guard(next_mutex_);
  next_ = directory_.control().partitions[0].count.load(std::memory_order_relaxed);
  seen_.store(next_, std::memory_order_release);
  began_ = true;
}

bool Topics::has_news() const {
  return directory_.control().partitions[0].count.load(std::memory_order_acquire) !=
         seen_.load(std::memory_order_acquire);
}

Result<const CatalogTopic*> Topics::any_topic(TopicId id) {
  const CatalogTopic* topic = catalog_.find(id);
  if (topic == nullptr) [[unlikely]] {
    MILLRACE_TRY(refresh());
    topic = catalog_.find(id);
    if (topic == nullptr) {
      return fail(unknown_topic_error(id));
    }
  }
  return topic;
}

Result<const CatalogTopic*> Topics::topic(TopicId id) {
  if (has_news()) [[unlikely]] {
    MILLRACE_TRY(refresh());
  }
  MILLRACE_ASSIGN(const CatalogTopic* const topic, any_topic(id));
  if (catalog_.is_deleted(id)) [[unlikely]] {
    return fail(topic_replaced_error(topic->topic));
  }
  return topic;
}

Result<PartitionRow*> Topics::row_of(const CatalogTopic& topic, PartitionId partition) {
  MILLRACE_TRY(check_partition(topic.topic.spec, partition));
  return &directory_.control().partitions[topic.row(partition.value)];
}

Result<PartitionRow*> Topics::row(TopicPartition partition) {
  MILLRACE_ASSIGN(const CatalogTopic* const found, topic(partition.topic));
  return row_of(*found, partition.partition);
}

Result<PartitionRow*> Topics::row_of_any(TopicPartition partition) {
  MILLRACE_ASSIGN(const CatalogTopic* const found, any_topic(partition.topic));
  return row_of(*found, partition.partition);
}

Status Topics::check_group(GroupId group) {
  const auto known = [&] {
    return group.value >= 0 && static_cast<std::size_t>(group.value) < catalog_.group_count();
  };
  if (!known()) {
    MILLRACE_TRY(refresh());
    if (!known()) {
      return fail(errc::not_found, "there is no group with the number {}", group.value);
    }
  }
  return {};
}

}  // namespace millrace::log::embedded
