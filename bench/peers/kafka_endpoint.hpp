// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "peers/endpoint.hpp"

namespace millrace::bench {

[[nodiscard]] std::unique_ptr<InputWriter> open_kafka_input(const std::string& url,
                                                            const std::string& topic,
                                                            std::int32_t partitions, bool prompt);
[[nodiscard]] std::unique_ptr<OutputReader> open_kafka_output(const std::string& url,
                                                              const std::string& topic);

}  // namespace millrace::bench
