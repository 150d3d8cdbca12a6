// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_world.hpp"

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <cstdlib>

#include "admin.hpp"
#include "client_producer.hpp"
#include "kafka_log.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_kafka/kafka.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "reader.hpp"

namespace millrace::stream::test {

namespace {

constexpr int tries_max = 30;

template <class Value>
bool is_unavailable(const Result<Value>& result) {
  return !result && result.error().is(log::errc::unavailable);
}

}  // namespace

KafkaWorld::KafkaWorld() {
  static int number = 0;
  const char* const address = std::getenv("MILLRACE_TEST_KAFKA");
  if (address == nullptr)
    throw testkit::TestError("MILLRACE_TEST_KAFKA names no cluster: run this by tools/with_kafka");
  address_ = address;
  prefix_ = "stream-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
}

testkit::KafkaProxy& KafkaWorld::stand_before(const std::string& service,
                                              std::int64_t request_timeout_ms) {
  proxy_ = std::make_unique<testkit::KafkaProxy>(address_);
  behind_proxy_ = service;
  request_timeout_ms_ = request_timeout_ms;
  return *proxy_;
}

Result<std::unique_ptr<log::Log>> KafkaWorld::open(log::LogOptions options) {
  const bool by_proxy = proxy_ != nullptr && options.service == behind_proxy_;
  // A machine with much else to do responds late; only behind the proxy is that the subject.
  const std::int64_t timeout_ms = by_proxy ? request_timeout_ms_ : 120'000;
  log::KafkaSettings settings{{"linger.ms", "0"},
                              {"millrace.request.timeout.ms", std::to_string(timeout_ms)}};
  const std::string url = "kafka://" + (by_proxy ? proxy_->bootstrap() : address_) + "/" + prefix_;
  auto opened = log::open_kafka(url, environment_, options, settings);
  for (int i = 1; i < tries_max && by_proxy && is_unavailable(opened); ++i)
    opened = log::open_kafka(url, environment_, options, settings);
  return opened;
}

void KafkaWorld::delete_topic(const std::string& name) {
  const log::LogOptions options;
  const log::kafka::ClientConfig config(
      log::kafka::parse_url("kafka://" + address_ + "/" + prefix_).value(), options, clock_);
  const std::string in_kafka = config.in_kafka(name);
  const auto producer = log::kafka::ClientProducer::open(config, options).value();
  rd_kafka_t* const client = producer->client();
  const log::kafka::Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(in_kafka.c_str());
  rd_kafka_DeleteTopics(client, &request, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(request);
  const log::kafka::Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 120'000));
  const auto* const answer =
      event == nullptr ? nullptr : rd_kafka_event_DeleteTopics_result(event.get());
  std::size_t count = 0;
  const auto* const topics =
      answer == nullptr ? nullptr : rd_kafka_DeleteTopics_result_topics(answer, &count);
  if (count != 1 || rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw testkit::TestError("topic " + in_kafka + " is not deleted");
  log::kafka::Reader reader(config, clock_);
  if (const Status opened = reader.open(); !opened)
    throw testkit::TestError(opened.error().to_string());
  const log::kafka::Signal never;
  constexpr int looks_max = 12'000;  // of 10 ms each: a guard against a hang, never a measure
  for (int look = 0; look < looks_max; ++look) {
    const auto found = log::kafka::find_partitions(reader.client(), in_kafka, config.timeout_ms());
    if (!found) throw testkit::TestError(found.error().to_string());
    if (!*found) return;
    never.wait(0, 10'000'000);
  }
  throw testkit::TestError("topic " + in_kafka + " is still there");
}

// Silence is all that the others see of a death.
void KafkaWorld::abandon(log::Log& handle) { log::kafka::abandon(handle); }

std::vector<RuntimeBackend> runtime_backends() {
  return {{"kafka", [] { return std::make_unique<KafkaWorld>(); }, true}};
}

}  // namespace millrace::stream::test
