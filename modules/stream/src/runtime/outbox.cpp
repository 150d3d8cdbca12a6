// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/outbox.hpp"

namespace millrace::stream::runtime {

namespace {

// What a work item of unusual size took is given back.
constexpr std::size_t kept_bytes_max = 1U << 20U;
// Of a record's length and deltas in its batch, at most, beyond what record_bytes() counts.
constexpr std::size_t framing_bytes_max = 20;

}  // namespace

void Outbox::add(log::TopicPartition partition, const log::Record& record, std::size_t bytes) {
  encoded_bytes_ += bytes + framing_bytes_max;
  if (entries_.empty() || entries_.back().partition != partition)
    encoded_bytes_ += log::record_batch_header_bytes;
  const std::string_view key = record.key.value_or(std::string_view());
  const std::string_view value = record.value.value_or(std::string_view());
  const std::string_view headers = record.headers.encoded();
  entries_.push_back({partition, record.timestamp_ms, content_.size(), key.size(), value.size(),
                      headers.size(), record.headers.size(), record.key.has_value(),
                      record.value.has_value()});
  content_.append(key).append(value).append(headers);
}

void Outbox::move_to(log::Transaction& transaction) {
  for (const Entry& entry : entries_) {
    std::string_view rest = std::string_view(content_).substr(entry.begin);
    const auto take = [&rest](std::size_t bytes) {
      const std::string_view taken = rest.substr(0, bytes);
      rest.remove_prefix(bytes);
      return taken;
    };
    log::Record record;
    record.timestamp_ms = entry.timestamp_ms;
    const std::string_view key = take(entry.key_bytes);
    const std::string_view value = take(entry.value_bytes);
    if (entry.has_key) record.key = key;
    if (entry.has_value) record.value = value;
    record.headers = {take(entry.header_bytes), entry.headers};
    transaction.append(entry.partition, record);
  }
  clear();
}

void Outbox::forget() {
  entries_.clear();
  content_.clear();
  encoded_bytes_ = 0;
  if (content_.capacity() > kept_bytes_max) {
    std::string().swap(content_);
    std::vector<Entry>().swap(entries_);
  }
}

}  // namespace millrace::stream::runtime
