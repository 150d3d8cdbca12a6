// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// From the moment before an append in one process to the moment after the wake-up of a reader in
// another, that was asleep.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "log/cases.hpp"
#include "support/crew.hpp"
#include "support/plain_file.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {
namespace {

constexpr std::int64_t pause_ns = 1'000'000;
constexpr std::int64_t wait_ns = 100'000'000;
constexpr std::int64_t load_slice_ns = 200'000;
constexpr std::int64_t load_batch = 500;
constexpr std::size_t load_value_bytes = 100;
constexpr std::uint64_t keys = 10'000;

enum Role { reader, writer, loader };

struct Task {
  std::string directory;
  std::int64_t samples;
};

std::string_view stamp_bytes(const std::int64_t& stamp) {
  return {reinterpret_cast<const char*>(&stamp), sizeof stamp};
}

std::int64_t stamp_of(std::string_view value) {
  std::int64_t stamp = 0;
  std::memcpy(&stamp, value.data(), sizeof stamp);
  return stamp;
}

Sample outcome_of(Latencies& latencies) {
  return {.records = static_cast<double>(latencies.size()),
          .p50_us = latencies.percentile_us(0.5),
          .p99_us = latencies.percentile_us(0.99)};
}

/// Calls `append(stamp)` once a millisecond.
template <class F>
Sample pace(const Task& task, Turn& turn, F append) {
  turn.start();
  std::int64_t tick = now_ns();
  for (std::int64_t i = 0; i < task.samples; ++i) {
    tick = std::max(tick + pause_ns, now_ns());
    sleep_until_ns(tick);
    append(now_ns());
  }
  return turn.finish();
}

/// Works half of the time, in short turns, until the reader has seen all.
template <class F>
Sample load_by_half(Turn& turn, F work) {
  turn.start();
  while (!turn.board().stop.load(std::memory_order_relaxed)) {
    const std::int64_t began = now_ns();
    while (now_ns() - began < load_slice_ns)
      work();
    const std::int64_t ended = now_ns();
    sleep_until_ns(ended + (ended - began));
  }
  return turn.finish();
}

Sample read_log(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", "os");
  log::Interest interest{{log.make_topic("wake", 1).id, log::partition(0)}, log::offset(0)};
  const auto waiter = log->waiter();
  log::FetchBuffer buffer;
  Latencies latencies(static_cast<std::size_t>(task.samples));
  turn.start();
  while (latencies.size() < static_cast<std::size_t>(task.samples)) {
    const log::WaitOutcome outcome = waiter->wait({&interest, 1}, now_ns() + wait_ns);
    const std::int64_t woke = now_ns();
    if (outcome != log::WaitOutcome::ready) continue;
    must(log->fetch(interest.partition, interest.next, 1U << 16U, buffer));
    for (const log::RecordView& record : buffer.records)
      latencies.add(woke - stamp_of(*record.value));
    interest.next = buffer.next;
  }
  turn.board().stop.store(true);
  return turn.finish(outcome_of(latencies));
}

Sample write_log(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", "os");
  const log::Topic topic = log.make_topic("wake", 1);
  log::Transaction transaction;
  return pace(task, turn, [&](std::int64_t stamp) {
    transaction.clear();
    transaction.append({topic.id, log::partition(0)}, {0, "wake", stamp_bytes(stamp), {}});
    must(log->commit(transaction));
  });
}

Sample load_log(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", "os");
  const log::Topic topic = log.make_topic("load", 1);
  RecordSource source(load_value_bytes, keys);
  log::Transaction transaction;
  return load_by_half(turn, [&] {
    transaction.clear();
    for (std::int64_t i = 0; i < load_batch; ++i) {
      const RecordSource::Raw raw = source.next();
      transaction.append({topic.id, log::partition(0)}, {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    must(log->commit(transaction));
  });
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* timeout) {
  return ::syscall(SYS_futex, &word, operation, value, timeout, nullptr, 0);
}

/// Both sides of the plain form: the record goes through the board, behind a word that the reader
/// sleeps on, and to a file.
Sample read_plainly(const Task& task, Turn& turn) {
  Latencies latencies(static_cast<std::size_t>(task.samples));
  std::uint32_t seen = 0;
  const timespec timeout{0, wait_ns};
  turn.start();
  while (latencies.size() < static_cast<std::size_t>(task.samples)) {
    if (turn.board().word.load() == seen) futex(turn.board().word, FUTEX_WAIT, seen, &timeout);
    const std::int64_t woke = now_ns();
    if (turn.board().word.load() == seen) continue;
    seen += 1;
    latencies.add(woke - turn.board().stamp_ns.load());
  }
  turn.board().stop.store(true);
  return turn.finish(outcome_of(latencies));
}

Sample write_plainly(const Task& task, Turn& turn) {
  PlainFile file(task.directory + "/plain");
  PlainBatch encoder;
  std::int64_t records = 0;
  return pace(task, turn, [&](std::int64_t stamp) {
    encoder.clear();
    encoder.add({0, "wake", stamp_bytes(stamp)});
    file.append(encoder.finish(records++));
    turn.board().stamp_ns.store(stamp);
    turn.board().word.fetch_add(1);
    futex(turn.board().word, FUTEX_WAKE, 1, nullptr);
  });
}

Sample load_plainly(const Task& task, Turn& turn) {
  PlainFile file(task.directory + "/plain.load");
  RecordSource source(load_value_bytes, keys);
  return load_by_half(turn, [&] { write_plain(file, source, load_batch, load_batch); });
}

}  // namespace

Sample run_wake(const Arguments& arguments) {
  const Task task{arguments.text("dir"), arguments.number("samples")};
  const bool plain = arguments.system() == "plain";
  const std::string load = arguments.text("load");
  if (load != "idle" && load != "half") give_up("load is idle or half, not " + load);
  const int members = load == "half" ? 3 : 2;
  Crew crew;
  crew.run_processes(members, [&](Turn& turn) {
    if (turn.member() == reader) return plain ? read_plainly(task, turn) : read_log(task, turn);
    if (turn.member() == writer) return plain ? write_plainly(task, turn) : write_log(task, turn);
    return plain ? load_plainly(task, turn) : load_log(task, turn);
  });
  Sample sample = crew.sum(members);
  sample.p50_us = crew.sample(reader).p50_us;
  sample.p99_us = crew.sample(reader).p99_us;
  // Records flow at a fixed rate: it says nothing.
  sample.records = -1;
  return sample;
}

}  // namespace millrace::bench
