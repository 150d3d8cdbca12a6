// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_reader.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "harness.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/partitioner.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace retail_test {

namespace log = millrace::log;

namespace {

constexpr std::size_t fetch_bytes = 1U << 20U;
constexpr std::array<std::string_view, 4> final_types{"OrderCompleted", "OrderRejected",
                                                      "ReturnCompleted", "StockWrittenOff"};

template <class T>
T checked(millrace::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

}  // namespace

struct LogReader::Outside {
  millrace::SeededRandom random{millrace::real_seed()};
  log::LogEnvironment environment{millrace::real_clock(), millrace::real_file_system(), random,
                                  millrace::real_processes()};
};

std::string Read::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [name](const auto& one) { return one.first == name; });
  return found == headers.end() ? std::string() : found->second;
}

LogReader::LogReader(const std::string& log_name, const std::string& service)
    : outside_(std::make_unique<Outside>()) {
  log::LogOptions options;
  options.service = service;
  options.member = "test";
  options.create = false;
  log::register_embedded();
  log::register_kafka();
  log_ = checked(log::open_log(url_of_log(log_name), outside_->environment, options));
}

LogReader::~LogReader() = default;

std::vector<Read> LogReader::all(const std::string& name) {
  std::vector<Read> records;
  const auto topic = log_->find_topic(name);
  if (!topic) return records;
  log::FetchBuffer buffer;
  for (std::int32_t number = 0; number < topic->spec.partitions; ++number) {
    const log::TopicPartition partition{topic->id, log::partition(number)};
    const log::Offset end = checked(log_->end_offset(partition));
    for (log::Offset next = checked(log_->start_offset(partition)); next < end;
         next = buffer.next) {
      if (const auto fetched = log_->fetch(partition, next, fetch_bytes, buffer); !fetched) {
        throw std::runtime_error(fetched.error().to_string());
      }
      for (const log::FetchedBatch& batch : buffer.batches) {
        for (std::size_t i = batch.first; i < batch.first + batch.count; ++i) {
          const log::RecordView& record = buffer.records[i];
          if (record.offset < next) continue;
          Read read{name,
                    number,
                    record.offset.value,
                    batch.position.position,
                    std::string(record.key.value_or("")),
                    std::string(record.value.value_or("")),
                    {}};
          std::string_view cursor = record.headers.encoded();
          for (log::HeaderView header; log::HeadersView::next(cursor, header);) {
            read.headers.emplace_back(header.key, header.value.value_or(""));
          }
          records.push_back(std::move(read));
        }
      }
    }
  }
  return records;
}

void LogReader::append(const std::string& name, const std::string& key, const std::string& value,
                       const std::vector<std::pair<std::string, std::string>>& headers) {
  const log::Topic topic = checked(log_->find_topic(name));
  log::HeadersBuilder builder;
  for (const auto& [header, text] : headers)
    builder.add(header, text);
  log::Transaction transaction;
  transaction.append(
      {topic.id, log::choose_partition(key, topic.spec.partitions, outside_->random)},
      {millrace::real_clock().wall_ms(), key, value, builder.view()});
  checked(log_->commit(transaction));
}

std::uint64_t LogReader::committed() { return log_->committed().position; }

std::int64_t LogReader::final_requests() {
  std::int64_t final = static_cast<std::int64_t>(all("orders.dead-letters").size());
  for (const char* topic : {"orders", "stock"}) {
    for (const Read& record : all(topic)) {
      if (std::find(final_types.begin(), final_types.end(), record.header("ce_type")) !=
          final_types.end())
        ++final;
    }
  }
  return final;
}

std::int64_t LogReader::lag() {
  std::int64_t lag = 0;
  for (const log::GroupInfo& group : checked(log_->groups())) {
    for (const auto& position : group.positions) {
      lag += checked(log_->end_offset(position.partition)).value - position.next.value;
    }
  }
  return lag;
}

std::vector<std::pair<std::string, std::string>> LogReader::owners(const std::string& service) {
  std::vector<std::pair<std::string, std::string>> owners;
  for (const log::GroupInfo& group : checked(log_->groups())) {
    if (!group.name.starts_with(service + "/")) continue;
    for (const auto& task : group.tasks)
      owners.emplace_back(group.name + ":" + task.name, task.member);
  }
  return owners;
}

std::string LogReader::describe_groups() {
  std::string text;
  for (const log::GroupInfo& group : checked(log_->groups())) {
    text += group.name + ":";
    for (const auto& task : group.tasks)
      text += " " + task.name + "=" + (task.member.empty() ? "-" : task.member);
    std::int64_t lag = 0;
    for (const auto& position : group.positions) {
      lag += checked(log_->end_offset(position.partition)).value - position.next.value;
    }
    text += ", lag " + std::to_string(lag) + "\n";
  }
  return text;
}

}  // namespace retail_test
