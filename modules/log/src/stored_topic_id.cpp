// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/stored_topic_id.hpp"

#include "millrace/log/commit_order.hpp"

namespace millrace::log {

// What has one order of commits has its own numbers of topics, from 0.
std::uint64_t stored_topic_id(Log& log, TopicId topic) {
  if (auto* const numbers = dynamic_cast<TopicNumbers*>(&log))
    return numbers->stored_topic_id(topic);
  return has_commit_order(log) ? static_cast<std::uint64_t>(topic.value) + 1 : 0;
}

}  // namespace millrace::log
