// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// One record at a time, every millisecond, while another process appends as fast as it can: how
// long does the small writer wait?
#include "log/cases.hpp"
#include "support/crew.hpp"
#include "support/plain_file.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t bulk_value_bytes = 100;
constexpr std::int64_t bulk_batch = 500;
constexpr std::int64_t pause_ns = 1'000'000;
constexpr std::uint64_t keys = 10'000;

struct Task {
  std::string directory;
  std::string durability;
  std::string settling;
  std::size_t bytes;
  std::int64_t samples;
};

/// Appends one record at each tick; `append` is what takes the time.
template <class F>
Sample pace(const Task& task, Turn& turn, F append) {
  RecordSource source(task.bytes, keys);
  Latencies latencies(static_cast<std::size_t>(task.samples));
  turn.start();
  std::int64_t tick = now_ns();
  for (std::int64_t i = 0; i < task.samples; ++i) {
    tick = std::max(tick + pause_ns, now_ns());
    sleep_until_ns(tick);
    const std::int64_t began = now_ns();
    append(source.next());
    latencies.add(now_ns() - began);
  }
  turn.board().stop.store(true);
  return turn.finish({.records = static_cast<double>(task.samples),
                      .p50_us = latencies.percentile_us(0.5),
                      .p99_us = latencies.percentile_us(0.99)});
}

Sample append_small(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", task.durability, task.settling);
  const log::Topic topic = log.make_topic("small", 1);
  log::Transaction transaction;
  return pace(task, turn, [&](const RecordSource::Raw& raw) {
    transaction.clear();
    transaction.append({topic.id, log::partition(0)}, {raw.timestamp_ms, raw.key, raw.value, {}});
    must(log->wait_durable(must(log->commit(transaction)).position));
  });
}

Sample append_bulk(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", task.durability, task.settling);
  const log::Topic topic = log.make_topic("bulk", 1);
  RecordSource source(bulk_value_bytes, keys);
  log::Transaction transaction;
  double records = 0;
  turn.start();
  while (!turn.board().stop.load(std::memory_order_relaxed)) {
    transaction.clear();
    for (std::int64_t i = 0; i < bulk_batch; ++i) {
      const RecordSource::Raw raw = source.next();
      transaction.append({topic.id, log::partition(0)}, {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    must(log->wait_durable(must(log->commit(transaction)).position));
    records += static_cast<double>(bulk_batch);
  }
  return turn.finish({.records = records});
}

Sample append_small_plainly(const Task& task, Turn& turn) {
  PlainFile file(task.directory + "/plain.small");
  PlainBatch encoder;
  std::int64_t records = 0;
  return pace(task, turn, [&](const RecordSource::Raw& raw) {
    encoder.clear();
    encoder.add(raw);
    file.append(encoder.finish(records++));
    if (task.durability == "sync") file.sync();
  });
}

Sample append_bulk_plainly(const Task& task, Turn& turn) {
  PlainFile file(task.directory + "/plain.bulk");
  RecordSource source(bulk_value_bytes, keys);
  PlainBatch encoder;
  std::int64_t records = 0;
  turn.start();
  while (!turn.board().stop.load(std::memory_order_relaxed)) {
    encoder.clear();
    for (std::int64_t i = 0; i < bulk_batch; ++i)
      encoder.add(source.next());
    file.append(encoder.finish(records));
    if (task.durability == "sync") file.sync();
    records += bulk_batch;
  }
  return turn.finish({.records = static_cast<double>(records)});
}

}  // namespace

Sample run_small_append(const Arguments& arguments) {
  const Task task{arguments.text("dir"), arguments.text("durability"), arguments.text("settling"),
                  static_cast<std::size_t>(arguments.number("bytes")), arguments.number("samples")};
  const bool plain = arguments.system() == "plain";
  Crew crew;
  crew.run_processes(2, [&](Turn& turn) {
    if (turn.member() == 0)
      return plain ? append_small_plainly(task, turn) : append_small(task, turn);
    return plain ? append_bulk_plainly(task, turn) : append_bulk(task, turn);
  });
  Sample sample = crew.sum(2);
  sample.p50_us = crew.sample(0).p50_us;
  sample.p99_us = crew.sample(0).p99_us;
  return sample;
}

}  // namespace millrace::bench
