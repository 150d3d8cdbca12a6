// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/log/log.hpp"

namespace millrace::log {

/// By what records and files outside of the log name a topic beside its name, when they have
/// offsets of it: a topic that was deleted and created again has the same name and another number.
/// It is never given twice in a log, and copies of the log have it, too. 0: the backend has no such
/// number. Kafka's handles number topics for themselves. Thread-safe.
[[nodiscard]] std::uint64_t stored_topic_id(Log& log, TopicId topic);

}  // namespace millrace::log
