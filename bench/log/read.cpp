// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Reads every record from the first on, checks and decodes it and adds something up: from the
// journal, or with settling from segments.
#include "log/cases.hpp"
#include "log/settling_log.hpp"
#include "support/plain_file.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t value_bytes = 100;
constexpr std::uint64_t keys = 10'000;
constexpr std::int64_t batch = 500;
constexpr std::size_t fetch_bytes = 1U << 20U;

struct Tally {
  std::int64_t records = 0;
  std::uint64_t digest = 0;
};

void fill_log(RealLog& log, const log::Topic& topic, std::int64_t records) {
  RecordSource source(value_bytes, keys);
  log::Transaction transaction;
  for (std::int64_t written = 0; written < records; written += batch) {
    transaction.clear();
    const auto index = static_cast<std::int32_t>(written / batch % topic.spec.partitions);
    for (std::int64_t i = 0; i < batch; ++i) {
      const RecordSource::Raw raw = source.next();
      transaction.append({topic.id, log::partition(index)},
                         {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    must(log->commit(transaction));
  }
}

Tally read_log(RealLog& log, const log::Topic& topic) {
  log::FetchBuffer buffer;
  Tally tally;
  for (std::int32_t i = 0; i < topic.spec.partitions; ++i) {
    const log::TopicPartition partition{topic.id, log::partition(i)};
    log::Offset at = log::offset(0);
    do {
      must(log->fetch(partition, at, fetch_bytes, buffer));
      for (const log::RecordView& record : buffer.records)
        tally.digest += digest(*record.value);
      tally.records += static_cast<std::int64_t>(buffer.records.size());
      at = buffer.next;
    } while (buffer.next < buffer.end);
  }
  return tally;
}

Tally read_plainly(const PlainFile& file) {
  Tally tally;
  tally.records =
      read_plain(file, [&](const PlainRecord& record) { tally.digest += digest(record.value); });
  return tally;
}

template <class F>
Sample timed(std::int64_t expected, F read) {
  const std::int64_t cpu_began = cpu_ns();
  const std::int64_t began = now_ns();
  const Tally tally = read();
  const std::int64_t ended = now_ns();
  if (tally.records != expected || tally.digest == 0)
    give_up("read " + std::to_string(tally.records) + " records of " + std::to_string(expected));
  return {.records = static_cast<double>(tally.records),
          .seconds = static_cast<double>(ended - began) / 1e9,
          .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9,
          .peak_rss_mb = peak_rss_mb()};
}

}  // namespace

Sample run_read(const Arguments& arguments) {
  const std::string directory = arguments.text("dir");
  const std::int64_t records =
      arguments.number("bytes") / static_cast<std::int64_t>(value_bytes) / batch * batch;
  if (arguments.system() == "plain") {
    PlainFile file(directory + "/plain");
    RecordSource source(value_bytes, keys);
    write_plain(file, source, records, batch);
    return timed(records, [&] { return read_plainly(file); });
  }
  const std::string settling = arguments.text("settling");
  RealLog log(directory + "/log", "bench", "os", settling);
  const log::Topic topic =
      log.make_topic("events", static_cast<std::int32_t>(arguments.number("partitions")));
  fill_log(log, topic, records);
  if (settling == "on") await_settled(*log);
  return timed(records, [&] { return read_log(log, topic); });
}

}  // namespace millrace::bench
