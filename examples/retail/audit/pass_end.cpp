// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/pass_end.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>
#include <functional>
#include <string>
#include <utility>

#include "millrace/log/errors.hpp"
#include "retail/audit/topic_reader.hpp"
#include "retail/contracts/passes.hpp"

namespace retail {

using namespace millrace;

namespace {

/// Collects what the events say of one pass. A run that dies leaves events without PassCompleted
/// behind, also behind those of an earlier run that did not.
class Collector {
 public:
  Collector(std::int64_t pass, std::string log) : pass_(pass), log_(std::move(log)) {}

  Status take(const AuditedRecord& record) {
    if (record.context.type == "ShelfCounted") {
      MILLRACE_ASSIGN(const auto counted, record.decode<ShelfCounted>());
      if (counted.pass == pass_) said_.shelves[std::string(record.key())] = counted;
    } else if (record.context.type == "RevenueCounted") {
      MILLRACE_ASSIGN(const auto counted, record.decode<RevenueCounted>());
      if (counted.pass == pass_) said_.revenue[std::string(record.key())] = counted;
    } else if (record.context.type == "PassCompleted") {
      MILLRACE_ASSIGN(const auto completed, record.decode<PassCompleted>());
      if (completed.pass == pass_) complete(completed);
    }
    return {};
  }

  std::optional<PassEnd> result() && { return std::move(end_); }

 private:
  void complete(const PassCompleted& completed) {
    PassEnd end = std::exchange(said_, {});
    if (completed.log != log_) return;
    end.requests = completed.requests;
    for (const TopicEnd& topic : completed.topics)
      end.topics[topic.topic] = topic.ends;
    end_ = std::move(end);
  }

  std::int64_t pass_;
  std::string log_;
  PassEnd said_;  // since the last PassCompleted
  std::optional<PassEnd> end_;
};

// What all events of the topic have.
struct OfPass {
  std::int64_t pass = 0;
};
BOOST_DESCRIBE_STRUCT(OfPass, (), (pass))

Status read_passes(log::Log& log, const std::function<Status(const AuditedRecord&)>& take) {
  Status read;
  const auto visit = [&](const AuditedRecord& record) {
    if (!read) return;
    if (Status taken = take(record); !taken)
      read = fail(log::errc::corrupt, record.name() + ": " + taken.error().message());
  };
  TopicReader topics(log);
  MILLRACE_TRY(topics.read(passes_topic, visit));
  return read;
}

}  // namespace

std::int64_t end_of(const TopicEnds& ends, std::string_view topic, std::int32_t partition) {
  const auto found = ends.find(topic);
  const auto index = static_cast<std::size_t>(partition);
  return found == ends.end() || index >= found->second.size() ? 0 : found->second[index];
}

Result<std::optional<PassEnd>> read_pass_end(log::Log& log, std::int64_t pass) {
  Collector collector(pass, log.identity());
  MILLRACE_TRY(
      read_passes(log, [&](const AuditedRecord& record) { return collector.take(record); }));
  return std::move(collector).result();
}

Result<std::int64_t> last_begun(log::Log& log) {
  std::int64_t last = 1;
  MILLRACE_TRY(read_passes(log, [&](const AuditedRecord& record) -> Status {
    MILLRACE_ASSIGN(const auto event, record.decode<OfPass>());
    last = std::max(last, event.pass);
    return {};
  }));
  return last;
}

}  // namespace retail
