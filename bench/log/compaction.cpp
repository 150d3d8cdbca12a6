// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// How much room a compacted topic takes when its keys were written again and again.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "log/cases.hpp"
#include "log/settling_log.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "support/keeper.hpp"
#include "support/record_source.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t value_bytes = 100;
constexpr std::int64_t batch = 500;
constexpr std::uint64_t segment_bytes = 1U << 20U;
// Longer than a pass of the cleaner.
constexpr std::int64_t pause_ns = 20'000'000'000;

log::TopicPartition make_topic(log::Log& log) {
  log::TopicSettings settings = log::compacted();
  settings.segment_bytes = segment_bytes;
  const log::Topic topic =
      must(log.create_topic({"table", 1, log::TopicKind::events, "bench"}, settings));
  return {topic.id, log::partition(0)};
}

void write(log::Log& log, log::TopicPartition partition, std::int64_t updates, std::uint64_t keys) {
  RecordSource source(value_bytes, keys);
  log::Transaction transaction;
  for (std::int64_t left = updates; left > 0;) {
    transaction.clear();
    for (std::int64_t i = std::min(left, batch); i > 0; --i, --left) {
      const RecordSource::Raw raw = source.next();
      transaction.append(partition, {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    must(log.commit(transaction));
  }
}

const log::TopicStat& table_of(const log::LogStat& stat) {
  const auto found = std::ranges::find(stat.by_topic, "table", &log::TopicStat::name);
  if (found == stat.by_topic.end()) {
    give_up("the log shows no topic: " + stat.unreadable);
  }
  return *found;
}

/// When nothing became less for the length of some passes.
log::LogStat await_compacted(const std::string& directory, log::LogEnvironment& environment) {
  log::LogStat stat = must(log::stat_log(directory, environment));
  for (int same = 0; same < 3;) {
    sleep_until_ns(now_ns() + pause_ns);
    log::LogStat now = must(log::stat_log(directory, environment));
    same = table_of(now).settled_bytes == table_of(stat).settled_bytes ? same + 1 : 0;
    stat = std::move(now);
  }
  return stat;
}

struct Live {
  std::uint64_t bytes = 0;  // of the keys and values that count
  std::size_t keys = 0;
  std::uint64_t records = 0;  // that are there
};

Live read(log::Log& log, log::TopicPartition partition) {
  std::map<std::string, std::size_t, std::less<>> last;
  Live live;
  log::FetchBuffer buffer;
  for (log::Offset next = log::offset(0);; next = buffer.next) {
    must(log.fetch(partition, next, 1U << 20U, buffer));
    if (buffer.next == next) {
      break;
    }
    for (const log::RecordView& record : buffer.records) {
      last[std::string(*record.key)] = record.key->size() + record.value->size();
      ++live.records;
    }
  }
  for (const auto& [key, bytes] : last) {
    live.bytes += bytes;
  }
  live.keys = last.size();
  return live;
}

}  // namespace

Sample run_compaction(const Arguments& arguments) {
  const std::string directory = arguments.text("dir") + "/log";
  SettlingLog world;
  const auto log = world.open(directory);
  const log::TopicPartition partition = make_topic(*log);
  const std::int64_t began = now_ns();
  const std::int64_t cpu_began = cpu_ns();
  log::LogStat stat;
  {
    const Keeper keeper(*log);
    write(*log, partition, arguments.number("updates"),
          static_cast<std::uint64_t>(arguments.number("keys")));
    await_settled(*log);
    stat = await_compacted(directory, world.environment);
  }
  const std::int64_t ended = now_ns();
  const Live live = read(*log, partition);
  const std::uint64_t settled = table_of(stat).settled_bytes;
  std::fprintf(stderr,
               "live: %zu keys, %llu bytes; left: %llu records; settled: %llu bytes, of which at "
               "most %llu are the last segment; journal: %zu segments, %llu bytes of room, %llu "
               "prepared\n",
               live.keys, static_cast<unsigned long long>(live.bytes),
               static_cast<unsigned long long>(live.records),
               static_cast<unsigned long long>(settled),
               static_cast<unsigned long long>(segment_bytes), stat.segments,
               static_cast<unsigned long long>(stat.allocated_bytes),
               static_cast<unsigned long long>(stat.prepared_bytes));
  if (settled > 2 * live.bytes + segment_bytes) {
    give_up("that is more than twice the live bytes and one segment");
  }
  return {.records = static_cast<double>(settled),
          .seconds = static_cast<double>(ended - began) / 1e9,
          .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9,
          .peak_rss_mb = peak_rss_mb()};
}

}  // namespace millrace::bench
