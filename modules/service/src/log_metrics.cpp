// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_metrics.hpp"

#include <string>

namespace millrace::service {

std::vector<telemetry::MetricCallback> add_log_metrics(telemetry::MetricRegistry& metrics,
                                                       const log::Log& log) {
  std::vector<telemetry::MetricCallback> handles;
  const std::vector<log::LogCount> counts = log.counts();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::string name = "millrace_log_" + std::string(counts[i].name);
    const auto read = [&log, i] { return static_cast<double>(log.counts().at(i).value); };
    handles.push_back(counts[i].kind == log::LogCount::Kind::gauge
                          ? metrics.callback_gauge(name, counts[i].help, {}, read)
                          : metrics.callback_counter(name + "_total", counts[i].help, {}, read));
  }
  return handles;
}

}  // namespace millrace::service
