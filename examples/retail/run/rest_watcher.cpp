// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "rest_watcher.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "retail/contracts/orders.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/stock.hpp"

namespace retail {

using millrace::Result;
using millrace::Status;
using millrace::log::partition;

namespace {

constexpr std::size_t read_bytes = 1U << 20U;

// The events after which a request's owner has nothing more to say; what others still have to do
// for it shows as lag.
constexpr std::array<std::string_view, 4> final_types{"OrderCompleted", "OrderRejected",
                                                      "ReturnCompleted", "StockWrittenOff"};

constexpr std::string_view rejected_type = "OrderRejected";

bool is_final(std::string_view type) {
  return std::find(final_types.begin(), final_types.end(), type) != final_types.end();
}

}  // namespace

Status RestWatcher::find_topics() {
  for (const char* name : {orders_topic, stock_topic, orders_dead_letters_topic}) {
    if (std::find(found_.begin(), found_.end(), name) != found_.end()) continue;
    const auto topic = log_.find_topic(name);
    if (!topic && topic.error().is(millrace::log::errc::unknown_topic)) continue;
    if (!topic) return millrace::fail(topic.error());
    for (std::int32_t number = 0; number < topic->spec.partitions; ++number) {
      const millrace::log::TopicPartition read{topic->id, partition(number)};
      MILLRACE_ASSIGN(const auto first, log_.start_offset(read));
      partitions_.push_back({read,
                             std::max(first, millrace::log::offset(end_of(begin_, name, number))),
                             name == std::string_view(orders_dead_letters_topic)});
    }
    found_.emplace_back(name);
  }
  return {};
}

Result<bool> RestWatcher::read_some(Partition& partition) {
  MILLRACE_TRY(log_.fetch(partition.partition, partition.next, read_bytes, buffer_));
  for (const auto& record : buffer_.records) {
    const std::string_view type = record.headers.find("ce_type").value_or("");
    // Letters of other events than requests end nothing.
    if (partition.dead_letters ? record.headers.find("dl-topic") == requests_topic : is_final(type))
      ++final_;
    if (!partition.dead_letters && type == rejected_type) ++rejected_;
  }
  const bool advanced = buffer_.next != partition.next;
  partition.next = buffer_.next;
  return advanced;
}

Status RestWatcher::read() {
  if (found_.size() < 3) MILLRACE_TRY(find_topics());
  for (Partition& partition : partitions_) {
    bool more = true;
    while (more) {
      MILLRACE_ASSIGN(more, read_some(partition));
    }
  }
  return {};
}

Result<std::int64_t> RestWatcher::lag() {
  std::vector<millrace::log::TopicPartition> partitions;
  std::int64_t total = 0;
  MILLRACE_ASSIGN(const auto groups, log_.groups());
  for (const auto& group : groups) {
    // Left behind by a tool, such as `millrace copy`.
    if (group.members.empty()) continue;
    for (const auto& position : group.positions) {
      partitions.push_back(position.partition);
      total -= position.next.value;
    }
  }
  MILLRACE_ASSIGN(const auto ends, log_.end_offsets(partitions));
  for (const auto& end : ends)
    total += end.value;
  return total;
}

}  // namespace retail
