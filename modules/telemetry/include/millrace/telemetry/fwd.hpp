// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::telemetry {

class CapturingSink;
class Counter;
class FieldValue;
class Gauge;
class Histogram;
class Logger;
class LogSink;
class MetricCallback;
class MetricRegistry;
struct Field;

}  // namespace millrace::telemetry
