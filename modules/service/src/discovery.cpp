// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/discovery.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::service {

namespace {

constexpr std::int64_t ns_of_a_ms = 1'000'000;
// What is compacted is small: the last segment, which is not, should be too.
constexpr std::uint64_t instances_segment_bytes = 1U << 20U;

}  // namespace

std::vector<PartitionsOfPart> owned_partitions(const stream::Instance& instance) {
  std::map<std::string, std::vector<std::int32_t>> parts;
  for (const auto& task : instance.status().tasks) {
    const std::size_t slash = task.name.rfind('/');
    if (slash == std::string::npos || task.state != stream::InstanceStatus::TaskState::running)
      continue;
    std::int32_t number = 0;
    const char* const end = task.name.data() + task.name.size();
    if (std::from_chars(task.name.data() + slash + 1, end, number).ptr == end)
      parts[task.name.substr(0, slash)].push_back(number);
  }
  std::vector<PartitionsOfPart> owned;
  for (auto& [part, partitions] : parts) {
    std::sort(partitions.begin(), partitions.end());
    owned.push_back({part, std::move(partitions)});
  }
  return owned;
}

Discovery::Discovery(log::Log& log, Clock& clock, Describe describe)
    : log_(log), clock_(clock), describe_(std::move(describe)), instances_(log, clock) {}

Status Discovery::step() {
  if (!partition_) {
    log::TopicSettings settings = log::compacted();
    settings.segment_bytes = instances_segment_bytes;
    MILLRACE_ASSIGN(const log::Topic topic,
                    log_.create_topic({std::string(instances_topic), 1, log::TopicKind::system,
                                       std::string(log::library_service)},
                                      settings));
    partition_ = log::TopicPartition{topic.id, log::partition(0)};
  }
  MILLRACE_TRY(instances_.read());
  const InstanceDescriptor descriptor = describe_();
  const std::string value = codec::to_json(descriptor);
  if (value == said_ && clock_.monotonic_ns() < renew_at_ns_) return {};
  return write(descriptor.service + "/" + descriptor.instance, value);
}

Status Discovery::write(const std::string& key, const std::string& value) {
  log::Transaction transaction;
  log::Record record;
  record.timestamp_ms = clock_.wall_ms();
  record.key = key;
  record.value = value;
  transaction.append(*partition_, record);
  record.value = std::nullopt;
  const std::string_view service = std::string_view(key).substr(0, key.rfind('/'));
  const std::vector<std::string> silent = instances_.silent(service, forget_ms);
  for (const std::string& other : silent) {
    if (other == key) continue;
    record.key = other;
    transaction.append(*partition_, record);
  }
  MILLRACE_TRY(log_.commit(transaction));
  key_ = key;
  said_ = value;
  renew_at_ns_ = clock_.monotonic_ns() + renew_ms * ns_of_a_ms;
  return {};
}

void Discovery::wait() {
  std::int64_t until_ns = clock_.monotonic_ns() + look_ms * ns_of_a_ms;
  if (!said_.empty()) until_ns = std::min(until_ns, renew_at_ns_);
  instances_.wait(until_ns);
}

Status Discovery::leave() {
  if (key_.empty()) return {};
  log::Transaction transaction;
  log::Record record;
  record.timestamp_ms = clock_.wall_ms();
  record.key = key_;
  transaction.append(*partition_, record);
  MILLRACE_TRY(log_.commit(transaction));
  key_.clear();
  return {};
}

}  // namespace millrace::service
