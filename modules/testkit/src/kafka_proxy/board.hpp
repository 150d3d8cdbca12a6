// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "kafka_proxy/sockets.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::testkit::kafka_proxy {

/// One rule and how far it got. All but `rule.fault` is guarded by the board's lock.
struct RuleState {
  explicit RuleState(KafkaRule given) : rule(std::move(given)) {}

  KafkaRule rule;
  std::uint64_t fitted = 0;
  std::uint64_t applied = 0;
  std::uint64_t answered = 0;
  bool released = false;
  bool lost = false;
  bool removed = false;
};

using Rule = std::shared_ptr<RuleState>;

/// What the proxy's thread and the tests share: rules and counters. Thread-safe; lives as long as
/// the proxy or a handle does.
class Board {
 public:
  enum class Hold : std::uint8_t { waits, released, lost };

  Rule add(KafkaRule rule);
  /// Counts the request and gives the rule that strikes it, if any.
  Rule choose(const KafkaRequest& request);
  void count_applied(const Rule& rule);
  void count_answered(const Rule& rule);
  [[nodiscard]] Hold hold_of(const Rule& rule) const;

  void release(const Rule& rule);
  void lose(const Rule& rule);
  void remove(const Rule& rule);
  /// Ends all waits, now and later.
  void close();

  [[nodiscard]] std::uint64_t seen(KafkaApi api) const;
  [[nodiscard]] std::uint64_t applied(const Rule& rule) const;
  [[nodiscard]] bool wait_seen(KafkaApi api, std::uint64_t times, std::int64_t limit_ms) const;
  [[nodiscard]] bool wait_applied(const Rule& rule, std::uint64_t times,
                                  std::int64_t limit_ms) const;
  [[nodiscard]] bool wait_answered(const Rule& rule, std::uint64_t times,
                                   std::int64_t limit_ms) const;

  [[nodiscard]] Waker& waker() { return waker_; }

 private:
  [[nodiscard]] std::uint64_t seen_locked(KafkaApi api) const MILLRACE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<Rule> rules_ MILLRACE_GUARDED_BY(mutex_);
  std::map<KafkaApi, std::uint64_t> seen_ MILLRACE_GUARDED_BY(mutex_);
  bool closed_ MILLRACE_GUARDED_BY(mutex_) = false;
  Waker waker_;
};

}  // namespace millrace::testkit::kafka_proxy
