// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/event_writer.hpp"

#include <limits>

#include "millrace/base/hash.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::testkit {

std::string RawRecord::header(std::string_view name) const {
  for (const auto& [header_name, text] : headers) {
    if (header_name == name) return text.value_or("");
  }
  return {};
}

log::Topic EventWriter::declare_topic(const std::string& name, const std::string& owner,
                                      std::int32_t partitions, log::TopicKind kind) {
  auto topic = handle_of(owner).create_topic({name, partitions, kind, owner});
  if (!topic) throw TestError(topic.error().to_string());
  return *topic;
}

std::string EventWriter::write_encoded(const std::string& name, const codec::TypeInfo& key_type,
                                       const void* key, const codec::TypeInfo& value_type,
                                       const void* value, std::int64_t timestamp_ms,
                                       const std::string& correlation) {
  const log::Topic topic = find(name);
  const bool is_private = topic.spec.kind == log::TopicKind::private_topic;
  const stream::RecordType type = is_private
                                      ? stream::private_record(key_type, value_type, serdes_[name])
                                      : stream::public_record(key_type, value_type, serdes_[name]);
  log::Record record = encoder_.encode(type, key, value, timestamp_ms);
  std::string id = name + "-" + std::to_string(written_++);
  const std::string source = "/" + topic.spec.owner;
  if (type.envelope == codec::Envelope::context) {
    codec::EventContext context;
    context.id = id;
    context.correlation = correlation;
    record.headers = encoder_.private_headers(context);
  } else if (type.envelope == codec::Envelope::cloud_events) {
    codec::EventHeaders event;
    event.id = id;
    event.source = source;
    event.time_ms = timestamp_ms;
    event.correlation = correlation;
    event.content_type = type.serde->content_type();
    record.headers = encoder_.event_headers(value_type, value, event);
  }
  append(topic, partition_of(*record.key, topic.spec.partitions), record);
  return id;
}

void EventWriter::write_raw(const std::string& name, const RawRecord& record) {
  const log::Topic topic = find(name);
  log::HeadersBuilder headers;
  for (const auto& [key, value] : record.headers)
    headers.add(key, value);
  const std::int32_t partition = record.partition >= 0
                                     ? record.partition
                                     : partition_of(record.key.value_or(""), topic.spec.partitions);
  append(topic, partition, {record.timestamp_ms, record.key, record.value, headers.view()});
}

log::Log& EventWriter::handle_of(const std::string& service) {
  auto& handle = handles_[service];
  if (!handle) {
    log::LogOptions options;
    options.service = service;
    options.member = service + "-writer";
    options.max_future_ms.reset();
    handle = connect_(std::move(options));
  }
  return *handle;
}

log::Topic EventWriter::find(const std::string& topic) {
  log::Log& any = handles_.empty() ? handle_of("") : *handles_.begin()->second;
  auto found = any.find_topic(topic);
  if (!found) throw TestError(found.error().to_string() + " (declare_topic first)");
  return *found;
}

void EventWriter::append(const log::Topic& topic, std::int32_t partition,
                         const log::Record& record) {
  log::Transaction transaction;
  transaction.append({topic.id, log::partition(partition)}, record);
  log::Log& log = handle_of(topic.spec.owner);
  const auto committed = log.commit(transaction);
  if (!committed) {
    throw TestError(committed.error().to_string());
  }
  const Status visible = log.wait_visible(*committed, std::numeric_limits<std::int64_t>::max());
  if (!visible) {
    throw TestError(visible.error().to_string());
  }
}

}  // namespace millrace::testkit
