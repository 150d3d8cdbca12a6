// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <utility>

#include "kafka_log.hpp"
#include "millrace/log/backend/registry.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::log {

namespace {

Result<std::unique_ptr<Log>> open_cluster(std::string_view url, LogEnvironment& environment,
                                          LogOptions options) {
  return open_kafka(url, environment, std::move(options), {});
}

}  // namespace

void register_kafka() { register_scheme("kafka", "kafka://HOST:PORT", &open_cluster); }

Result<std::unique_ptr<Log>> open_kafka(std::string_view url, LogEnvironment& environment,
                                        LogOptions options, KafkaSettings settings,
                                        KafkaTokenSource token) {
  MILLRACE_ASSIGN(LogOptions checked, checked_options(std::move(options)));
  return kafka::KafkaLog::open(url, environment, std::move(checked), std::move(settings),
                               std::move(token));
}

}  // namespace millrace::log
