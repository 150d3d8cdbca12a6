// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "shop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>

#include "json.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::cli {

Shop::Shop() {
  static int number = 0;
  if (const char* const address = std::getenv("MILLRACE_TEST_KAFKA"); address != nullptr) {
    url_ = std::string("kafka://") + address + "/shop-" + std::to_string(::getpid()) + "-" +
           std::to_string(number++) + "?fetch.wait.max.ms=5&millrace.request.timeout.ms=120000";
  }
  log::LogOptions options;
  options.member = "millrace";
  tool = connect(options);
}

std::unique_ptr<log::Log> Shop::connect(log::LogOptions options) {
  if (!on_kafka()) return broker.connect(std::move(options));
  log::register_kafka();
  auto opened = log::open_log(url_, environment, std::move(options));
  if (opened) return *std::move(opened);
  ADD_FAILURE() << opened.error().to_string();
  return nullptr;
}

log::Log& Shop::service(const std::string& name) {
  auto& handle = services_[name];
  if (!handle) {
    log::LogOptions options;
    options.service = name;
    handle = connect(options);
  }
  return *handle;
}

void Shop::topic(const std::string& name, const std::string& owner, log::TopicKind kind) {
  const auto made = service(owner).create_topic({name, 2, kind, owner});
  ASSERT_TRUE(made) << made.error().to_string();
}

void Shop::add(log::Transaction& transaction, const Event& event) {
  const auto topic = tool->find_topic(event.topic);
  ASSERT_TRUE(topic) << topic.error().to_string();
  log::HeadersBuilder headers;
  headers.add("ce_id", event.id).add("ce_source", "/" + topic->spec.owner);
  headers.add("ce_type", event.type).add("ce_specversion", "1.0");
  headers.add("content-type", "application/json");
  if (!event.correlation.empty()) headers.add("correlationid", event.correlation);
  if (!event.cause.empty()) headers.add("causationid", event.cause);
  for (const auto& [name, value] : event.more_headers)
    headers.add(name, value);
  transaction.append({topic->id, log::partition(event.partition)},
                     {event.timestamp_ms, event.key, event.value, headers.view()});
}

std::int64_t Shop::publish(const Event& event) {
  log::Transaction transaction;
  add(transaction, event);
  const auto done = commit(tool->find_topic(event.topic)->spec.owner, transaction);
  return done.partitions.empty() ? -1 : done.partitions.front().first.value;
}

log::Committed Shop::commit(const std::string& owner, log::Transaction& transaction) {
  log::Log& log = service(owner);
  const auto done = log.commit(transaction);
  EXPECT_TRUE(done) << done.error().to_string();
  if (!done) {
    return {};
  }
  const Status visible = log.wait_visible(*done, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(visible) << visible.error().to_string();
  return *done;
}

void Shop::keep(const std::string& name, std::int32_t partition, const std::string& key,
                const std::string& event_id, const std::string& correlation,
                const std::string& value) {
  const auto topic = tool->find_topic(name);
  ASSERT_TRUE(topic) << topic.error().to_string();
  codec::EventContext context;
  context.id = event_id;
  context.correlation = correlation;
  codec::EncodedHeaders headers;
  codec::append_private_context(headers, context);
  log::Transaction transaction;
  transaction.append({topic->id, log::partition(partition)},
                     {0, key, value, log::HeadersView(headers.bytes, headers.count)});
  commit(topic->spec.owner, transaction);
}

std::vector<std::pair<std::string, std::string>> Shop::read(const std::string& name,
                                                            std::int32_t partition) {
  const auto topic = tool->find_topic(name);
  EXPECT_TRUE(topic) << topic.error().to_string();
  log::FetchBuffer buffer;
  const auto done =
      tool->fetch({topic->id, log::partition(partition)}, log::offset(0), 1U << 20U, buffer);
  EXPECT_TRUE(done) << done.error().to_string();
  std::vector<std::pair<std::string, std::string>> records;
  for (const log::RecordView& record : buffer.records) {
    records.emplace_back(record.key.value_or("(null)"), record.value.value_or("(null)"));
  }
  return records;
}

Outcome run(std::vector<std::string> arguments) {
  Outcome outcome;
  Output out(outcome.out);
  Output notes(outcome.notes);
  const std::atomic<bool> stop{false};
  outcome.exit_code = run_program(std::move(arguments), out, notes, stop);
  return outcome;
}

bool is_json(const std::string& text) { return compact_json(text).has_value(); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      lines.push_back(std::exchange(line, {}));
    } else {
      line += c;
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace millrace::cli
