// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/topic_reader.hpp"

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/errors.hpp"

namespace retail {

using namespace millrace;

namespace {

constexpr std::size_t fetch_bytes = 1U << 20U;

Status read_partition(log::Log& log, std::string_view topic, log::TopicPartition topic_partition,
                      const std::function<void(const AuditedRecord&)>& visit) {
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(topic_partition));
  MILLRACE_ASSIGN(log::Offset next, log.start_offset(topic_partition));
  log::FetchBuffer buffer;
  while (next < end) {
    MILLRACE_TRY(log.fetch(topic_partition, next, fetch_bytes, buffer));
    for (const log::RecordView& record : buffer.records) {
      if (record.offset < next || record.offset >= end) continue;
      const auto context =
          codec::read_event_headers(record.headers.encoded(), record.headers.size());
      visit({topic, topic_partition.partition.value, record,
             context.value_or(codec::EventContext{})});
    }
    if (buffer.next <= next) break;
    next = buffer.next;
  }
  return {};
}

}  // namespace

std::string AuditedRecord::name() const {
  return std::string(topic) + "-" + std::to_string(partition) + "@" +
         std::to_string(record.offset.value);
}

Result<bool> read_topic(log::Log& log, std::string_view name,
                        const std::function<void(const AuditedRecord&)>& visit) {
  const auto topic = log.find_topic(name);
  if (!topic) {
    if (topic.error().is(log::errc::unknown_topic)) return false;
    return fail(topic.error());
  }
  for (std::int32_t partition = 0; partition < topic->spec.partitions; ++partition) {
    MILLRACE_TRY(read_partition(log, name, {topic->id, log::partition(partition)}, visit));
  }
  return true;
}

}  // namespace retail
