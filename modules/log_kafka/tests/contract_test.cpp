// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The contract on a real cluster, whose address is in MILLRACE_TEST_KAFKA (tools/with_kafka). Each
// test has a prefix of its own there.
#include <unistd.h>

#include <cstdlib>

#include "foreign_producer.hpp"
#include "kafka_log.hpp"
#include "late_clock.hpp"
#include "log_contract.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::log {
namespace {

class KafkaFixture final : public LogFixture {
 public:
  KafkaFixture() {
    static int number = 0;
    const char* const address = std::getenv("MILLRACE_TEST_KAFKA");
    if (address == nullptr) {
      ADD_FAILURE() << "MILLRACE_TEST_KAFKA names no cluster: run this by tools/with_kafka";
      return;
    }
    url_ = std::string("kafka://") + address + "/test-" + std::to_string(::getpid()) + "-" +
           std::to_string(number++);
  }
  std::unique_ptr<Log> connect(LogOptions options) override {
    // Just below the limit of the others, which stands for a larger one here.
    if (options.max_transaction_bytes == LogOptions{}.max_transaction_bytes)
      --options.max_transaction_bytes;
    // Two minutes: a machine with much else to do responds late.
    auto log = open_kafka(url_, environment_, std::move(options),
                          {{"millrace.request.timeout.ms", "120000"}});
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    handles_.emplace_back(log->get(), kafka::life(**log));
    return *std::move(log);
  }
  // Silence is all that the others see of a death, and it counts while they are heard themselves.
  void kill(Log& handle) override {
    kafka::abandon(handle);
    for (int i = 0; i < 4; ++i) {
      advance_ms(handle.options().session_timeout_ms / 4);
      for (const auto& [other, life] : handles_) {
        if (life.expired() || other == &handle) continue;
        EXPECT_TRUE(other->maintain().has_value());
      }
    }
    // They are heard only while they poll; the rest passes between the polls to come.
    seconds_to_pass_ = 3;
  }
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  bool ordered() const override { return false; }
  bool removes_commands() const override { return true; }
  void synchronize() override {
    if (seconds_to_pass_ > 0) {
      --seconds_to_pass_;
      advance_ms(1'000);
    }
    for (const auto& [handle, life] : handles_) {
      if (!life.expired()) kafka::synchronize(*handle);
    }
  }
  std::shared_ptr<void> hold_back(const std::string& topic) override {
    const std::string prefix = url_.substr(url_.rfind('/') + 1);
    const std::shared_ptr<ForeignProducer> other(
        new ForeignProducer(prefix + "." + topic, "none", prefix + ".other"),
        [](ForeignProducer* producer) {
          producer->commit();
          delete producer;
        });
    other->begin();
    other->put({"of another client"});
    return other;
  }
  int many_topics() const override { return 60; }
  // The prefix counts.
  std::size_t longest_name() const override { return 200; }

 private:
  std::string url_;
  LateClock clock_;
  int seconds_to_pass_ = 0;
  SeededRandom random_{real_seed()};
  LogEnvironment environment_{clock_, real_file_system(), random_, real_processes()};
  std::vector<std::pair<Log*, std::weak_ptr<void>>> handles_;
};

const LogBackend cluster = {"cluster", [] { return std::make_unique<KafkaFixture>(); }};

INSTANTIATE_TEST_SUITE_P(Kafka, LogContract, testing::Values(cluster), backend_name);

}  // namespace
}  // namespace millrace::log
