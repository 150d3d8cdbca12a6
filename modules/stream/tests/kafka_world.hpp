// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/processes.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/testkit/kafka_proxy.hpp"
#include "runtime_world.hpp"

namespace millrace::stream::test {

/// The real clock and what a test adds: time-outs can be jumped over. Thread-safe.
class HastenedClock final : public Clock {
 public:
  std::int64_t wall_ms() override { return real_clock().wall_ms() + added_ms(); }
  std::int64_t monotonic_ns() override {
    return real_clock().monotonic_ns() + added_ms() * 1'000'000;
  }
  void advance_ms(std::int64_t ms) { __atomic_fetch_add(&added_ms_, ms, __ATOMIC_RELAXED); }

 private:
  std::int64_t added_ms() const { return __atomic_load_n(&added_ms_, __ATOMIC_RELAXED); }
  std::int64_t added_ms_ = 0;
};

/// A log on the cluster of MILLRACE_TEST_KAFKA (tools/with_kafka), under a prefix of its own.
class KafkaWorld final : public RuntimeWorld {
 public:
  KafkaWorld();
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  bool ordered() const override { return false; }

  /// Puts a proxy before the cluster, for the handles of this service. They do not wait for longer
  /// than that for an answer.
  testkit::KafkaProxy& stand_before(const std::string& service, std::int64_t request_timeout_ms);
  /// Somebody deletes the topic; returns when the brokers know it.
  void delete_topic(const std::string& name);

 private:
  Result<std::unique_ptr<log::Log>> open(log::LogOptions options) override;
  void abandon(log::Log& handle) override;
  std::int64_t step_ms() const override { return session_timeout_ms() / 20; }

  std::string address_;
  std::string prefix_;
  std::unique_ptr<testkit::KafkaProxy> proxy_;
  std::string behind_proxy_;  // service
  std::int64_t request_timeout_ms_ = 0;
  HastenedClock clock_;
  SeededRandom log_random_{real_seed()};
  log::LogEnvironment environment_{clock_, real_file_system(), log_random_, real_processes()};
};

}  // namespace millrace::stream::test
