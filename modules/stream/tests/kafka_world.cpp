// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_world.hpp"

#include <unistd.h>

#include <cstdlib>

#include "kafka_log.hpp"
#include "millrace/log_kafka/kafka.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::stream::test {

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
  log::KafkaSettings settings{{"linger.ms", "0"}};
  if (by_proxy) {
    settings.emplace_back("millrace.request.timeout.ms", std::to_string(request_timeout_ms_));
  }
  return log::open_kafka("kafka://" + (by_proxy ? proxy_->bootstrap() : address_) + "/" + prefix_,
                         environment_, std::move(options), std::move(settings));
}

// Silence is all that the others see of a death.
void KafkaWorld::abandon(log::Log& handle) { log::kafka::abandon(handle); }

std::vector<RuntimeBackend> runtime_backends() {
  return {{"kafka", [] { return std::make_unique<KafkaWorld>(); }, true}};
}

}  // namespace millrace::stream::test
