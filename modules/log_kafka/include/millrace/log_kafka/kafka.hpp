// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// librdkafka's settings by name, such as `security.protocol`; `config` names a file of them.
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

/// Returns the token with which this process logs in by OAUTHBEARER. Called by one thread of a log
/// at a time, for each new connection to a broker and about every eight seconds by each client of
/// librdkafka. Connections wait for it: keep a token in memory, and renew it a minute before it
/// expires. After a failure it is not called for a second. Closing the log waits for it to return;
/// it must not use the log.
using KafkaTokenSource = std::function<Result<std::string>()>;

/// Makes open_log() know `kafka://host:port,...[/prefix][?setting=value]`, a log on an Apache Kafka
/// cluster. Call it before open_log(); a service does it by itself. Thread-safe, any number of
/// times.
void register_kafka();

/// Opens the log that such a URL names, with settings beside those of the URL, which come after
/// them. The source of tokens is for `sasl.mechanism=OAUTHBEARER`; without one the setting
/// `sasl.oauthbearer.token.endpoint.url=file:///PATH` names a file. Failures as open_log(), and
/// those of the source; errc::unsupported for a setting of TLS or SASL that librdkafka alone has.
[[nodiscard]] Result<std::unique_ptr<Log>> open_kafka(std::string_view url,
                                                      LogEnvironment& environment,
                                                      LogOptions options, KafkaSettings settings,
                                                      KafkaTokenSource token = {});

}  // namespace millrace::log
