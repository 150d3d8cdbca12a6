// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

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

/// Makes open_log() know `kafka://host:port,...[/prefix][?setting=value]`, a log on an Apache Kafka
/// cluster. Call it before open_log(); a service does it by itself. Thread-safe, any number of
/// times.
void register_kafka();

/// Opens the log that such a URL names, with settings beside those of the URL, which come after
/// them. Failures as open_log().
[[nodiscard]] Result<std::unique_ptr<Log>> open_kafka(std::string_view url,
                                                      LogEnvironment& environment,
                                                      LogOptions options, KafkaSettings settings);

}  // namespace millrace::log
