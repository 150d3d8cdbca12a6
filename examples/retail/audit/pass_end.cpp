// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/pass_end.hpp"

#include <string>
#include <utility>

#include "millrace/log/errors.hpp"
#include "retail/audit/topic_reader.hpp"
#include "retail/contracts/passes.hpp"

namespace retail {

using namespace millrace;

namespace {

/// Collects what the events say of one pass.
class Collector {
 public:
  Collector(std::int64_t pass, std::string log) : pass_(pass), log_(std::move(log)) {}

  Status take(const AuditedRecord& record) {
    if (record.context.type == "ShelfCounted") {
      MILLRACE_ASSIGN(const auto counted, record.decode<ShelfCounted>());
      if (counted.pass == pass_) end_.shelves[std::string(record.key())] = counted;
    } else if (record.context.type == "RevenueCounted") {
      MILLRACE_ASSIGN(const auto counted, record.decode<RevenueCounted>());
      if (counted.pass == pass_) end_.revenue[std::string(record.key())] = counted;
    } else if (record.context.type == "PassCompleted") {
      MILLRACE_ASSIGN(const auto completed, record.decode<PassCompleted>());
      if (completed.pass == pass_ && completed.log == log_) complete(completed);
    }
    return {};
  }

  std::optional<PassEnd> result() && {
    if (!is_complete_) return std::nullopt;
    return std::move(end_);
  }

 private:
  void complete(const PassCompleted& completed) {
    is_complete_ = true;
    end_.requests = completed.requests;
    end_.topics.clear();
    for (const TopicEnd& topic : completed.topics)
      end_.topics[topic.topic] = topic.ends;
  }

  std::int64_t pass_;
  std::string log_;
  PassEnd end_;
  bool is_complete_ = false;
};

}  // namespace

std::int64_t end_of(const TopicEnds& ends, std::string_view topic, std::int32_t partition) {
  const auto found = ends.find(topic);
  const auto index = static_cast<std::size_t>(partition);
  return found == ends.end() || index >= found->second.size() ? 0 : found->second[index];
}

Result<std::optional<PassEnd>> read_pass_end(log::Log& log, std::int64_t pass) {
  Collector collector(pass, log.identity());
  Status read;
  const auto visit = [&](const AuditedRecord& record) {
    if (!read) return;
    if (Status taken = collector.take(record); !taken)
      read = fail(log::errc::corrupt, record.name() + ": " + taken.error().message());
  };
  TopicReader topics(log);
  MILLRACE_TRY(topics.read(passes_topic, visit));
  MILLRACE_TRY(read);
  return std::move(collector).result();
}

}  // namespace retail
