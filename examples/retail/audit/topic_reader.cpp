// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/topic_reader.hpp"

#include <algorithm>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/errors.hpp"

namespace retail {

using namespace millrace;

namespace {

constexpr std::size_t fetch_bytes = 1U << 20U;

std::string partition_name(std::string_view topic, std::int32_t partition) {
  return std::string(topic) + "-" + std::to_string(partition);
}

}  // namespace

std::string AuditedRecord::name() const {
  return partition_name(topic, partition) + "@" + std::to_string(record.offset.value);
}

Status TopicReader::read_partition(std::string_view topic, log::TopicPartition topic_partition,
                                   const std::function<void(const AuditedRecord&)>& visit) {
  const std::int32_t number = topic_partition.partition.value;
  MILLRACE_ASSIGN(log::Offset end, log_.end_offset(topic_partition));
  if (to_ != nullptr) end = std::min(end, log::offset(end_of(*to_, topic, number)));
  ends_[std::string(topic)].push_back(end.value);
  log::Offset next = log::offset(from_ == nullptr ? 0 : end_of(*from_, topic, number));
  if (end < next) {
    return fail(log::errc::corrupt, partition_name(topic, number) + ": what is to be read begins " +
                                        "at " + std::to_string(next.value) + " and ends at " +
                                        std::to_string(end.value));
  }
  MILLRACE_ASSIGN(const log::Offset first, log_.start_offset(topic_partition));
  if (next < first && next < end) {
    return fail(errc::not_found, partition_name(topic, number) + ": the records from " +
                                     std::to_string(next.value) + " on are to be read, and those " +
                                     "before " + std::to_string(first.value) + " were removed");
  }
  log::FetchBuffer buffer;
  while (next < end) {
    MILLRACE_TRY(log_.fetch(topic_partition, next, fetch_bytes, buffer));
    for (const log::RecordView& record : buffer.records) {
      if (record.offset < next || record.offset >= end) continue;
      const auto context =
          codec::read_event_headers(record.headers.encoded(), record.headers.size());
      visit({topic, number, record, context.value_or(codec::EventContext{})});
    }
    if (buffer.next <= next) break;
    next = buffer.next;
  }
  return {};
}

Result<bool> TopicReader::read(std::string_view name,
                               const std::function<void(const AuditedRecord&)>& visit) {
  const auto topic = log_.find_topic(name);
  if (!topic) {
    if (topic.error().is(log::errc::unknown_topic)) return false;
    return fail(topic.error());
  }
  ends_[std::string(name)].clear();
  for (std::int32_t partition = 0; partition < topic->spec.partitions; ++partition)
    MILLRACE_TRY(read_partition(name, {topic->id, log::partition(partition)}, visit));
  return true;
}

}  // namespace retail
