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

/// A function that returns the token with which this process logs in by OAUTHBEARER. Only one
/// thread of a log calls it at a time: for each new connection to a broker, and about every eight
/// seconds for each client of librdkafka. Connections wait for it, so keep the token in memory and
/// renew it a minute before it expires. After an error it is not called again for a second. The
/// destructor of the log waits until it returns. It must not use the log.
using KafkaTokenSource = std::function<Result<std::string>()>;

/// Registers `kafka://host:port,...[/prefix][?setting=value]`, a log on an Apache Kafka cluster,
/// for open_log(). Call it before open_log(); a service does so by itself. May be called several
/// times. Thread-safe.
void register_kafka();

/// Opens the log of such a URL with additional settings; settings in the URL override them. The
/// token source is for `sasl.mechanism=OAUTHBEARER`; without a source, the setting
/// `sasl.oauthbearer.token.endpoint.url=file:///PATH` names a file. Errors are those of open_log()
/// and of the source; errc::unsupported for a setting of TLS or SASL that only librdkafka has.
[[nodiscard]] Result<std::unique_ptr<Log>> open_kafka(std::string_view url,
                                                      LogEnvironment& environment,
                                                      LogOptions options, KafkaSettings settings,
                                                      KafkaTokenSource token = {});

}  // namespace millrace::log
