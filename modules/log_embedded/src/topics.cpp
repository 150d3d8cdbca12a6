// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topics.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::embedded {

Status Topics::refresh() {
  const MutexLock guard(next_mutex_);
  PartitionRow& row = directory_.control().partitions[0];
  std::string batch;
  std::vector<RecordView> records;
  while (true) {
    const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
    const std::uint64_t committed = directory_.control().committed.load(std::memory_order_seq_cst);
    if (next_ >= count) {
      return {};
    }
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, next_));
    if (entry.position >= committed) {
      return {};
    }
    MILLRACE_TRY(segments_.refresh());
    batch.resize(entry.bytes);
    MILLRACE_ASSIGN(const std::size_t got,
                    journal_.read(entry.position, batch.data(), batch.size()));
    const auto header = read_batch_header(std::string_view(batch).substr(0, got));
    if (!header || !batch_checksum_holds(std::string_view(batch).substr(0, header->bytes))) {
      return fail(errc::corrupt, journal_.path_of(entry.position) + ": the batch at position " +
                                     std::to_string(entry.position) +
                                     " of the catalog does not check");
    }
    records.clear();
    MILLRACE_TRY(decode_batch(std::string_view(batch).substr(0, header->bytes), records));
    for (const RecordView& record : records) {
      MILLRACE_TRY(catalog_.apply(record.value.value_or("")));
    }
    next_ += 1;
  }
}

void Topics::applied_all() {
  const MutexLock guard(next_mutex_);
  next_ = directory_.control().partitions[0].count.load(std::memory_order_relaxed);
}

Result<const CatalogTopic*> Topics::topic(TopicId id) {
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

Result<PartitionRow*> Topics::row(TopicPartition place) {
  MILLRACE_ASSIGN(const CatalogTopic* found, topic(place.topic));
  MILLRACE_TRY(check_partition(found->topic.spec, place.partition));
  return &directory_.control()
              .partitions[found->first_row + static_cast<std::uint32_t>(place.partition.value)];
}

Status Topics::check_group(GroupId group) {
  const auto known = [&] {
    return group.value >= 0 && static_cast<std::size_t>(group.value) < catalog_.group_count();
  };
  if (!known()) {
    MILLRACE_TRY(refresh());
    if (!known()) {
      return fail(errc::not_found,
                  "there is no group with the number " + std::to_string(group.value));
    }
  }
  return {};
}

}  // namespace millrace::log::embedded
