// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "log_seen.hpp"

#include <charconv>
#include <vector>

#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "retail/contracts/requests.hpp"

namespace retail {

namespace log = millrace::log;

LogSeen see(log::Log& log) {
  // Under `os` an answer waits for its commit alone, so what was answered may be lost with the
  // power; then the file is ahead of the log, which is what it is to tell.
  const log::LogPosition at =
      log.options().durability == log::DurabilityPolicy::os ? log.committed() : log.durable();
  return {log.identity(), static_cast<std::int64_t>(at.era), static_cast<std::int64_t>(at.position),
          millrace::hex_number(log.lineage().value)};
}

namespace {

// errc::invalid_argument when it names no lineage; else as Log::check_past().
millrace::Status check_past(log::Log& log, const LogSeen& seen) {
  log::Lineage lineage;
  const std::string digits = seen.lineage.value_or("0");
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, lineage.value, 16);
  if (read.ec != std::errc() || read.ptr != end) {
    return millrace::fail(millrace::errc::invalid_argument,
                          "it names '" + digits + "', which is no lineage");
  }
  const log::LogPosition at{static_cast<std::uint32_t>(seen.incarnation),
                            static_cast<std::uint64_t>(seen.position)};
  MILLRACE_TRY(log.check_past(lineage, at));
  return log.wait_durable(at);
}

}  // namespace

std::optional<std::string> why_another(log::Log& log, const LogSeen& seen) {
  if (seen.log != log.identity()) {
    return "it is of the log " + seen.log + ", and this one is " + log.identity();
  }
  const auto past = check_past(log, seen);
  if (!past && past.error().is(log::errc::unknown_lineage)) return past.error().message();
  return std::nullopt;
}

std::optional<std::string> why_not_past(log::Log& log, const LogSeen& seen) {
  if (auto why = why_another(log, seen)) return why;
  const auto past = check_past(log, seen);
  if (!past) return past.error().message();
  return std::nullopt;
}

millrace::Result<std::int64_t> requests_in(log::Log& log, const TopicEnds& begin) {
  const auto topic = log.find_topic(requests_topic);
  if (!topic && topic.error().is(log::errc::unknown_topic)) return 0;
  if (!topic) return millrace::fail(topic.error());
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t number = 0; number < topic->spec.partitions; ++number)
    partitions.push_back({topic->id, log::partition(number)});
  MILLRACE_ASSIGN(const auto ends, log.end_offsets(partitions));
  std::int64_t total = 0;
  for (std::size_t i = 0; i < ends.size(); ++i)
    total += ends[i].value - end_of(begin, requests_topic, static_cast<std::int32_t>(i));
  return total;
}

}  // namespace retail
