// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/log_settings.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/transaction.hpp"

namespace millrace::service {

namespace {

constexpr std::size_t read_bytes = 64U << 10U;

using Begun = std::map<std::string, std::string, std::less<>>;

Result<log::TopicPartition> settings_partition(log::Log& log) {
  MILLRACE_ASSIGN(const log::Topic topic,
                  log.create_topic({"__millrace.settings", 1, log::TopicKind::commands,
                                    std::string(log::library_service)}));
  return log::TopicPartition{topic.id, log::partition(0)};
}

// What the log was begun with: the first value of each name.
Result<Begun> read_begun(log::Log& log, log::TopicPartition partition) {
  Begun begun;
  log::FetchBuffer buffer;
  MILLRACE_ASSIGN(log::Offset next, log.start_offset(partition));
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
  while (next < end) {
    MILLRACE_TRY(log.fetch(partition, next, read_bytes, buffer));
    for (const log::RecordView& record : buffer.records) {
      if (record.key && record.value) begun.emplace(*record.key, *record.value);
    }
    if (buffer.next <= next) break;
    next = buffer.next;
  }
  return begun;
}

Status write_missing(log::Log& log, Clock& clock, log::TopicPartition partition,
                     std::span<const LogSetting> settings, const Begun& begun) {
  log::Transaction transaction;
  for (const LogSetting& setting : settings) {
    if (begun.contains(setting.name)) continue;
    log::Record record;
    record.timestamp_ms = clock.wall_ms();
    record.key = setting.name;
    record.value = setting.value;
    transaction.append(partition, record);
  }
  if (transaction.empty()) return {};
  MILLRACE_TRY(log.commit(transaction));
  return {};
}

}  // namespace

Status read_durability(std::string_view text, log::LogOptions& options) {
  constexpr std::int64_t interval_ms_max = 60'000;
  constexpr std::string_view interval = "interval=";
  if (text == "sync") {
    options.durability = log::DurabilityPolicy::sync;
  } else if (text == "os") {
    options.durability = log::DurabilityPolicy::os;
  } else if (text.starts_with(interval)) {
    const std::string_view number = text.substr(interval.size());
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), options.sync_interval_ms);
    if (error != std::errc() || end != number.data() + number.size() ||
        options.sync_interval_ms < 1 || options.sync_interval_ms > interval_ms_max) {
      return fail(millrace::errc::invalid_argument,
                  "'{}': the MS of interval=MS is a whole number from 1 to {}", text,
                  interval_ms_max);
    }
    options.durability = log::DurabilityPolicy::interval;
  } else {
    return fail(millrace::errc::invalid_argument, "'{}' is none of sync, interval=MS, os", text);
  }
  return {};
}

Status agree_on_settings(log::Log& log, Clock& clock, std::span<const LogSetting> settings,
                         std::string_view who) {
  if (settings.empty()) return {};
  MILLRACE_ASSIGN(const log::TopicPartition partition, settings_partition(log));
  MILLRACE_ASSIGN(Begun begun, read_begun(log, partition));
  MILLRACE_TRY(write_missing(log, clock, partition, settings, begun));
  // Others may have been faster, and then theirs is the first.
  MILLRACE_ASSIGN(begun, read_begun(log, partition));
  for (const LogSetting& setting : settings) {
    const auto found = begun.find(setting.name);
    if (found == begun.end()) {
      return fail(log::errc::unavailable,
                  "the setting --{} was written to the log and cannot be read yet: start again",
                  setting.name);
    }
    if (found->second == setting.value) continue;
    return fail(millrace::errc::invalid_argument,
                "this log was begun with --{} {} and {} was started with --{} {}: it stays the "
                "same for the life of a log, so start it with {}, or use another log",
                setting.name, found->second, who, setting.name, setting.value, found->second);
  }
  return {};
}

}  // namespace millrace::service
