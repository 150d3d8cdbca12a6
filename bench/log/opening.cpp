// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// How long the first process needs to open a log that has settled, after the last one ended in one
// way or another.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "log/cases.hpp"
#include "log/settling_log.hpp"
#include "support/keeper.hpp"
#include "support/record_source.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t value_bytes = 1'000;
constexpr std::uint64_t keys = 10'000;
constexpr int batch = 100;
constexpr std::int32_t partitions = 4;
// Appended at the end of each run, at once: about what is not settled yet.
constexpr std::uint64_t tail_bytes = 100'000'000;

void append_up_to(log::Log& log, std::uint64_t position) {
  const log::Topic topic =
      must(log.create_topic({"events", partitions, log::TopicKind::events, "bench"}));
  RecordSource source(value_bytes, keys);
  log::Transaction transaction;
  for (std::int32_t i = 0; log.committed().position < position; ++i) {
    transaction.clear();
    for (int n = 0; n < batch; ++n) {
      const RecordSource::Raw raw = source.next();
      transaction.append({topic.id, log::partition(i % partitions)},
                         {raw.timestamp_ms, raw.key, raw.value, {}});
    }
    must(log.commit(transaction));
  }
}

/// In a process of its own, which ends as the measurement wants it.
void fill(const std::string& directory, std::uint64_t bytes, bool killed) {
  const pid_t child = ::fork();
  if (child < 0) {
    give_up("cannot fork");
  }
  if (child == 0) {
    SettlingLog world;
    auto log = world.open(directory);
    {
      Keeper keeper(*log);
      append_up_to(*log, bytes);
      await_settled(*log);
      append_up_to(*log, log->committed().position + tail_bytes);
      if (killed) {
        ::kill(::getpid(), SIGKILL);
      }
    }
    log.reset();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const bool as_wanted = killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!as_wanted) {
    give_up("the process that fills the log ended with status " + std::to_string(status));
  }
}

void overwrite(const std::string& path, std::string_view bytes, off_t at) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0 ||
      ::pwrite(file, bytes.data(), bytes.size(), at) != static_cast<ssize_t>(bytes.size())) {
    give_up("cannot write to " + path);
  }
  ::close(file);
}

}  // namespace

Sample run_opening(const Arguments& arguments) {
  const std::string directory = arguments.text("dir") + "/log";
  const std::string end = arguments.text("end");
  fill(directory, static_cast<std::uint64_t>(arguments.number("gb")) * 1'000'000'000,
       end != "clean");
  if (end == "reboot") {
    // The control file names another boot, as after the power was off
    // (docs/formats/control_file.md).
    overwrite(directory + "/control", "another.", 64);
  }
  if (arguments.text("cache") == "cold") {
    ::sync();
    overwrite("/proc/sys/vm/drop_caches", "3", 0);
  }
  SettlingLog world;
  const std::int64_t cpu_began = cpu_ns();
  const std::int64_t began = now_ns();
  const auto log = world.open(directory);
  const std::int64_t ended = now_ns();
  return {.records = static_cast<double>(count_of(*log, "opening_journal_bytes")),
          .seconds = static_cast<double>(ended - began) / 1e9,
          .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9,
          .peak_rss_mb = peak_rss_mb()};
}

}  // namespace millrace::bench
