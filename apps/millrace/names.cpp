// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "names.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::string_view internal_topics[] = {"__catalog", "__positions", "__producers"};

}  // namespace

bool is_private(const log::Topic& topic) {
  return topic.spec.kind == log::TopicKind::private_topic;
}

Result<log::Topic> find_topic(log::Log& log, std::string_view name) {
  Result<log::Topic> found = log.find_topic(name);
  if (found || !found.error().is(log::errc::unknown_topic)) return found;
  std::vector<std::string> names;
  MILLRACE_ASSIGN(const auto topics, sorted_topics(log, false));
  for (const log::Topic& topic : topics)
    names.push_back(topic.spec.name);
  std::string message = unknown_name("topic", name, names);
  if (!message.ends_with('?')) message += " (`millrace topics --all` lists them)";
  return fail(log::errc::unknown_topic, std::move(message));
}

Result<std::vector<log::Topic>> sorted_topics(log::Log& log, bool with_internal) {
  MILLRACE_ASSIGN(std::vector<log::Topic> topics, log.topics());
  if (with_internal) {
    for (const std::string_view name : internal_topics) {
      Result<log::Topic> topic = log.find_topic(name);
      if (!topic && topic.error().is(log::errc::unknown_topic)) continue;
      if (!topic) return fail(std::move(topic).error());
      topics.push_back(*std::move(topic));
    }
  }
  std::sort(topics.begin(), topics.end(),
            [](const log::Topic& a, const log::Topic& b) { return a.spec.name < b.spec.name; });
  return topics;
}

}  // namespace millrace::cli
