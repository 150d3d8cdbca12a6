// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <vector>

#include "millrace/log/log.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {

/// Adds a series `millrace_log_<name>_total` for each count of the log. The log outlives the
/// handles.
[[nodiscard]] std::vector<telemetry::MetricCallback> add_log_metrics(
    telemetry::MetricRegistry& metrics, const log::Log& log);

}  // namespace millrace::service
