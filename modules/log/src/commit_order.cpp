// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/commit_order.hpp"

namespace millrace::log {

// The identity of a log on Kafka begins with its backend.
bool has_commit_order(Log& log) { return !log.identity().starts_with("kafka/"); }

}  // namespace millrace::log
