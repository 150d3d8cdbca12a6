// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <vector>

#include "millrace/log/log.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {

/// Adds a series for each count of the log: `millrace_log_<name>_total` for a counter,
/// `millrace_log_<name>` for a gauge. The log outlives the handles.
[[nodiscard]] std::vector<telemetry::MetricCallback> add_log_metrics(
    telemetry::MetricRegistry& metrics, const log::Log& log);

}  // namespace millrace::service
