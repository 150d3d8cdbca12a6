// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log_contract.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log_kafka/kafka.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

// Words that the tests of the Kafka backend share. The cluster's address is in MILLRACE_TEST_KAFKA
// (tools/with_kafka).
namespace millrace::log {

/// Requests of transactions; a rule of a proxy strikes only those.
inline bool is_of_transaction(const testkit::KafkaRequest& request) {
  return !request.transactional_id.empty();
}

/// A handle that is a member of one group, with what it holds.
class Worker {
 public:
  Worker(std::unique_ptr<Log> log, const std::string& group, std::vector<std::string> tasks);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Joins if need be, polls once and gives back what is asked for. What passes by itself is passed
  /// over.
  void obey();
  /// Obeys until it holds so many tasks; false after two minutes.
  bool until_holds(std::size_t count);
  /// Commits under all that is held: the value to each partition, and the position of `input`.
  Result<Committed> commit(const std::vector<TopicPartition>& partitions, const std::string& value,
                           TopicPartition input = {}, Offset position = offset(-1));
  /// Sleeps until the partition has news or a moment has passed.
  void pause(TopicPartition topic_partition = {TopicId{{0}}, partition(0)});

  std::unique_ptr<Log> log;
  GroupId group;
  std::unique_ptr<Membership> membership;
  std::vector<Claim> held;
  std::vector<Claim> lost;
  bool forgives = false;  // errors that do not pass by themselves

 private:
  std::vector<std::string> tasks_;
};

/// Both obey until each holds one task; false after two minutes.
bool share(Worker& one, Worker& other);

/// Commits, and gives what was committed a moment to become visible; it may not, behind a
/// transaction that a test keeps open.
Result<Committed> commit_visibly(Log& log, Transaction& transaction);

/// A log of its own for each test.
class KafkaWorld : public testing::Test {
 protected:
  KafkaWorld();

  static std::string address();
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] std::string url(const std::string& brokers = address()) const {
    return "kafka://" + brokers + "/" + prefix_;
  }
  [[nodiscard]] Result<std::unique_ptr<Log>> try_open(const std::string& url, LogOptions options,
                                                      Clock& clock = real_clock(),
                                                      KafkaSettings settings = {},
                                                      KafkaTokenSource token = {});
  /// Of the service `stock`.
  std::unique_ptr<Log> open(const std::string& member, const std::string& brokers = address(),
                            KafkaSettings settings = {});
  std::unique_ptr<Log> open_by(Clock& clock, LogOptions options,
                               const std::string& brokers = address(), KafkaSettings settings = {});

  static LogOptions options_of(const std::string& member);
  static TopicPartition make_topic(Log& log, const std::string& name, std::int32_t partitions = 1);
  /// All values of the partition that are committed.
  static std::vector<std::string> values(Log& log, TopicPartition partition);
  static std::optional<Offset> position(Log& log, GroupId group, TopicPartition partition);

 private:
  std::string prefix_;
  SeededRandom random_{real_seed()};
  std::vector<std::unique_ptr<LogEnvironment>> environments_;
};

}  // namespace millrace::log
