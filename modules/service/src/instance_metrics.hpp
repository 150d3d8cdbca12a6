// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::service {

/// Adds the series of an instance: records, commits, dead letters, unknown types, lag, age of the
/// oldest unprocessed event. Instance and clock outlive the handles.
[[nodiscard]] std::vector<telemetry::MetricCallback> add_instance_metrics(
    telemetry::MetricRegistry& metrics, const stream::Instance& instance, Clock& clock);

}  // namespace millrace::service
