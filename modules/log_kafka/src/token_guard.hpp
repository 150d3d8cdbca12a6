// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/clock.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::log::kafka {

/// How long a source of tokens is left alone after a failure.
inline constexpr std::int64_t token_pause_ns = 1'000'000'000;

/// A source that asks another one, by one thread at a time. It returns bearer tokens only, and
/// errors with a message, also for an exception. After a failure it returns the same one for
/// `token_pause_ns` without asking. Empty for an empty source. Thread-safe; the clock outlives it.
[[nodiscard]] KafkaTokenSource guarded(KafkaTokenSource source, Clock& clock);

}  // namespace millrace::log::kafka
