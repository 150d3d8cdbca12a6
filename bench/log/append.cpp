// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Appends records in batches, one commit each: to one topic by several writers, beside files of
// their own that plain code writes.
#include "log/cases.hpp"
#include "support/crew.hpp"
#include "support/plain_file.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t value_bytes = 100;
constexpr std::uint64_t keys = 10'000;

struct Task {
  explicit Task(const Arguments& arguments)
      : directory(arguments.text("dir")),
        durability(arguments.text("durability")),
        settling(arguments.text("settling")),
        batch(arguments.number("batch")),
        writers(static_cast<int>(arguments.number("writers"))),
        processes(static_cast<int>(arguments.number("processes"))),
        bytes(arguments.number("bytes")),
        seconds(arguments.number("seconds")) {
    if (writers < 1 || writers > Board::max_members || batch < 1 ||
        (processes != 1 && processes != writers)) {
      give_up("append: writers from 1 to 64, processes 1 or as many");
    }
  }
  std::string directory;
  std::string durability;
  std::string settling;
  std::int64_t batch;
  int writers;
  int processes;
  std::int64_t bytes;    ///< of values, by each writer, at most
  std::int64_t seconds;  ///< at most
};

/// Whether a writer continues: there is work left and time.
class Limit {
 public:
  explicit Limit(const Task& task)
      : left_(task.bytes / static_cast<std::int64_t>(value_bytes) / task.batch),
        ends_ns_(now_ns() + task.seconds * 1'000'000'000) {}
  [[nodiscard]] bool go_on() { return left_-- > 0 && now_ns() < ends_ns_; }

 private:
  std::int64_t left_;
  std::int64_t ends_ns_;
};

Sample write_log(const Task& task, Turn& turn) {
  RealLog log(task.directory + "/log", "bench", task.durability, task.settling);
  const log::Topic topic = log.make_topic("events", task.writers);
  RecordSource source(value_bytes, keys, static_cast<std::uint64_t>(turn.member()) + 1);
  log::Transaction transaction;
  turn.start();
  Limit limit(task);
  double records = 0;
  while (limit.go_on()) {
    transaction.clear();
    for (std::int64_t i = 0; i < task.batch; ++i) {
      const RecordSource::Raw raw = source.next();
      transaction.append({topic.id, log::partition(turn.member())},
                         {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    const log::Committed committed = must(log->commit(transaction));
    must(log->wait_durable(committed.position));
    records += static_cast<double>(task.batch);
  }
  return turn.finish({.records = records});
}

/// The plain loop. Under `sync` one writer does the work of all: their batches, then one sync, as a
/// perfect group commit would.
Sample write_plainly(const Task& task, Turn& turn) {
  PlainFile file(task.directory + "/plain." + std::to_string(turn.member()));
  const bool synced = task.durability == "sync";
  const int batches = synced ? task.writers : 1;
  RecordSource source(value_bytes, keys, static_cast<std::uint64_t>(turn.member()) + 1);
  PlainBatch encoder;
  turn.start();
  Limit limit(task);
  std::int64_t records = 0;
  while (limit.go_on()) {
    for (int writer = 0; writer < batches; ++writer) {
      encoder.clear();
      for (std::int64_t i = 0; i < task.batch; ++i)
        encoder.add(source.next());
      file.append(encoder.finish(records));
      records += task.batch;
    }
    if (synced) file.sync();
  }
  return turn.finish({.records = static_cast<double>(records)});
}

/// The plain loop that writes the same bytes twice: into a file, and now and then from there into
/// another one. With `synced` both are then on the disk, as they are before a log may forget the
/// first.
Sample write_twice(const Task& task, bool synced, Turn& turn) {
  constexpr std::uint64_t copied_bytes = 64ULL << 20U;
  constexpr std::size_t piece_bytes = 1U << 20U;
  PlainFile file(task.directory + "/plain");
  PlainFile copy(task.directory + "/plain.copy");
  RecordSource source(value_bytes, keys, static_cast<std::uint64_t>(turn.member()) + 1);
  PlainBatch encoder;
  std::string piece(piece_bytes, 0);
  const auto copy_rest = [&] {
    while (copy.size() < file.size()) {
      const auto bytes =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, file.size() - copy.size()));
      file.read(copy.size(), piece.data(), bytes);
      copy.append({piece.data(), bytes});
    }
    if (!synced) return;
    file.sync();
    copy.sync();
  };
  turn.start();
  Limit limit(task);
  std::int64_t records = 0;
  while (limit.go_on()) {
    encoder.clear();
    for (std::int64_t i = 0; i < task.batch; ++i)
      encoder.add(source.next());
    file.append(encoder.finish(records));
    records += task.batch;
    if (file.size() - copy.size() >= copied_bytes) copy_rest();
  }
  copy_rest();
  return turn.finish({.records = static_cast<double>(records)});
}

}  // namespace

Sample run_append(const Arguments& arguments) {
  const Task task(arguments);
  const bool plain = arguments.system() == "plain";
  const bool synced = arguments.system() == "plain-twice-synced";
  const bool twice = synced || arguments.system() == "plain-twice";
  if (twice && (task.writers != 1 || task.durability == "sync"))
    give_up("append: plain-twice is one writer, under os");
  const Crew::Work work = [&](Turn& turn) {
    if (twice) return write_twice(task, synced, turn);
    return plain ? write_plainly(task, turn) : write_log(task, turn);
  };
  Crew crew;
  const int members = plain && task.durability == "sync" ? 1 : task.writers;
  if (task.processes == 1) {
    crew.run_threads(members, work);
  } else {
    crew.run_processes(members, work);
  }
  return crew.sum(members);
}

}  // namespace millrace::bench
