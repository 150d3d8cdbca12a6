// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/topic_reader.hpp"

#include <algorithm>

#include "millrace/codec/codec.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::testkit {

namespace {

struct Placed {
  std::uint64_t position = 0;  // of the commit
  RawRecord record;
};

RawRecord copy(const log::RecordView& view, std::int32_t partition) {
  RawRecord out;
  if (view.key) out.key = std::string(*view.key);
  if (view.value) out.value = std::string(*view.value);
  std::string_view cursor = view.headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    out.headers.emplace_back(
        std::string(header.key),
        header.value ? std::optional<std::string>(*header.value) : std::nullopt);
  }
  out.timestamp_ms = view.timestamp_ms;
  out.partition = partition;
  out.offset = view.offset.value;
  return out;
}

}  // namespace

std::vector<RawRecord> TopicReader::all(const std::string& topic) {
  std::map<std::int32_t, log::Offset> from;
  return read(topic, from);
}

std::vector<RawRecord> TopicReader::fresh(const std::string& topic) {
  return read(topic, positions_[topic]);
}

std::vector<RawRecord> TopicReader::read(const std::string& name,
                                         std::map<std::int32_t, log::Offset>& from) {
  const auto topic = log_->find_topic(name);
  if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
  if (!topic) throw TestError(name + ": " + topic.error().to_string());
  std::vector<Placed> found;
  log::FetchBuffer buffer;
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t partition = 0; partition < topic->spec.partitions; ++partition)
    partitions.push_back({topic->id, log::partition(partition)});
  // Asked for, because a cluster's end is not known otherwise.
  const auto ends = log_->end_offsets(partitions);
  if (!ends) throw TestError(name + ": " + ends.error().to_string());
  // Looked at together first, so that a cluster sends of all of them while one is read.
  std::vector<log::Interest> unread;
  for (const log::TopicPartition& topic_partition : partitions) {
    const log::Offset next = from[topic_partition.partition.value];
    if (next < (*ends)[static_cast<std::size_t>(topic_partition.partition.value)])
      unread.push_back({topic_partition, next});
  }
  static_cast<void>(log_->waiter()->wait(unread, 0));
  for (const log::TopicPartition& topic_partition : partitions) {
    const std::int32_t partition = topic_partition.partition.value;
    const log::Offset end = (*ends)[static_cast<std::size_t>(partition)];
    log::Offset& next = from[partition];
    while (next < end) {
      const Status fetched = log_->fetch(topic_partition, next, 1U << 20U, buffer);
      if (!fetched) throw TestError(name + ": " + fetched.error().to_string());
      for (const log::FetchedBatch& batch : buffer.batches) {
        for (std::size_t i = 0; i < batch.count; ++i)
          found.push_back(
              {batch.position.position, copy(buffer.records[batch.first + i], partition)});
      }
      next = buffer.next;
      if (buffer.records.empty()) break;
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Placed& a, const Placed& b) { return a.position < b.position; });
  std::vector<RawRecord> records;
  for (Placed& placed : found)
    records.push_back(std::move(placed.record));
  return records;
}

void TopicReader::decode_into(const std::string& name, const RawRecord& record,
                              const codec::TypeInfo& key_type, void* key,
                              const codec::TypeInfo& value_type, void* value) {
  const auto topic = log_->find_topic(name);
  if (!topic) throw TestError(topic.error().to_string());
  const bool is_private = topic->spec.kind == log::TopicKind::private_topic;
  const stream::Serdes& serdes = serdes_[name];
  const stream::RecordType type = is_private ? stream::private_record(key_type, value_type, serdes)
                                             : stream::public_record(key_type, value_type, serdes);
  Status decoded = codec::decode_with(*type.key_serde, key_type, {}, record.key.value_or(""), key);
  if (decoded && record.value)
    decoded =
        codec::decode_with(*type.serde, value_type, record.header("ce_type"), *record.value, value);
  if (!decoded) {
    throw TestError(name + "/" + std::to_string(record.partition) + "@" +
                    std::to_string(record.offset) + ": " + decoded.error().to_string());
  }
}

}  // namespace millrace::testkit
