// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A guest book on the embedded log: `01_append_read DIR NAME` signs it and prints who has signed so
// far. Run it twice.
#include <cstdio>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record_reader.hpp"
#include "millrace/log_embedded/embedded.hpp"

namespace log = millrace::log;

namespace {

// [sign]
millrace::Status sign(log::Log& log, const log::Topic& guests, const std::string& name) {
  log::Record record;
  record.timestamp_ms = millrace::real_clock().wall_ms();
  record.key = name;
  record.value = "was here";

  log::Transaction transaction;
  transaction.append({guests.id, log::partition(0)}, record);
  MILLRACE_ASSIGN(const log::Committed committed, log.commit(transaction));
  return log.wait_durable(committed.position);  // survives a power cut from here on
}
// [sign]

// [read]
millrace::Status print_all(log::Log& log, const log::Topic& guests) {
  log::RecordReader reader(log, {{{guests.id, log::partition(0)}, log::offset(0)}});
  while (true) {
    MILLRACE_ASSIGN(const log::ReadOutcome outcome, reader.next());
    if (outcome != log::ReadOutcome::record) return {};  // all that is committed by now was read
    const log::RecordView& record = reader.record();
    std::printf("%lld: %s %s\n", static_cast<long long>(record.offset.value),
                millrace::escaped(record.key.value_or("")).c_str(),
                millrace::escaped(record.value.value_or("")).c_str());
  }
}
// [read]

// [open]
millrace::Status visit(const std::string& directory, const std::string& name) {
  millrace::SeededRandom random(millrace::real_seed());
  log::LogEnvironment world{millrace::real_clock(), millrace::real_file_system(), random,
                            millrace::real_processes()};
  log::register_embedded();
  log::LogOptions options;
  options.service = "door";
  MILLRACE_ASSIGN(const auto log, log::open_log("file:" + directory, world, options));

  log::TopicSpec guests;
  guests.name = "guests";
  guests.partitions = 1;
  guests.kind = log::TopicKind::events;
  guests.owner = "door";
  MILLRACE_ASSIGN(const log::Topic topic, log->create_topic(guests));  // or finds it: same spec

  MILLRACE_TRY(sign(*log, topic, name));
  return print_all(*log, topic);
}
// [open]

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("Usage: 01_append_read DIR NAME\n", stderr);
    return 2;
  }
  if (const millrace::Status visited = visit(argv[1], argv[2]); !visited) {
    std::fprintf(stderr, "%s\n", visited.error().to_string().c_str());
    return 1;
  }
  return 0;
}
