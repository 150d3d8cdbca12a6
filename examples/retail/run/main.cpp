// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "directory.hpp"
#include "environment.hpp"
#include "example_run.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/service/signals.hpp"
#include "millrace/service/supervisor.hpp"
#include "options.hpp"
#include "own_cluster.hpp"
#include "pass_records.hpp"
#include "resume.hpp"
#include "retail/feed/pass.hpp"
#include "run_log.hpp"
#include "run_pass.hpp"
#include "summary.hpp"

namespace retail {
namespace {

std::string program_directory() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return program.substr(0, program.rfind('/'));
}

int complain(const millrace::Error& error, int code) {
  std::fprintf(stderr, "./run: %s\n", millrace::printable(error.message()).c_str());
  return code;
}

// What the passes of one `./run` share.
struct Passes {
  const RunOptions& options;
  const DataDirectory& directory;
  millrace::service::Signals& signals;
  RunLog& log;
  bool own_cluster;
};

// How a pass ended.
struct PassOutcome {
  int code = 1;           // to exit with
  bool complete = false;  // the next one may begin
};

millrace::Status write_summary(const Passes& run, const RunPass& pass, const Summary& summary) {
  const std::string json = to_json(summary);
  for (const std::string& path :
       {run.directory.path(summary_file(pass.number)), run.options.summary}) {
    if (path.empty()) continue;
    MILLRACE_TRY(millrace::write_file_atomically(millrace::real_file_system(), path, json));
  }
  return {};
}

// Writes what may be written again, also when a cluster is away for a while.
template <class Write>
millrace::Status write_on_log(const Passes& run, ExampleRun& example_run, const Write& write) {
  const auto attempt = [&]() -> millrace::Status {
    MILLRACE_ASSIGN(const auto writer, run.log.open_writer());
    return write(*writer);
  };
  return attempt_while_away(millrace::real_clock(), attempt, [&] { return example_run.pause(); });
}

// From here on the log says that the end of the pass before stays as it is.
millrace::Status begin(const Passes& run, const RunPass& pass, ExampleRun& example_run) {
  if (pass.has_begun) return {};
  return write_on_log(run, example_run, [&](millrace::log::Log& log) {
    return write_pass_begun(log, millrace::real_clock(), pass.number);
  });
}

millrace::Status complete(const Passes& run, const RunPass& pass, const PassEnd& left,
                          ExampleRun& example_run) {
  const auto done = write_on_log(run, example_run, [&](millrace::log::Log& log) {
    return write_pass_end(log, millrace::real_clock(), pass.number, left);
  });
  if (done) return {};
  const std::string left_to_do =
      "the audit holds, and the log does not say yet that the pass is complete: run again, and the "
      "summary is written too: ";
  return millrace::fail(done.error().code(), left_to_do + done.error().message());
}

// True when the audit holds.
millrace::Result<bool> conclude(const Passes& run, const RunPass& pass, ExampleRun& example_run) {
  PassEnd left;
  MILLRACE_ASSIGN(const Summary summary, example_run.sum_up(left));
  if (summary.audit.ok) MILLRACE_TRY(complete(run, pass, left, example_run));
  MILLRACE_TRY(write_summary(run, pass, summary));
  std::fputs(to_text(summary).c_str(), stdout);
  std::fflush(stdout);
  return summary.audit.ok;
}

// Returns the exit code: that of the finished run, or 1 when the system cannot stay up.
int stay_up(ExampleRun& example_run, int code) {
  std::printf("\nThe year is over and the system stays up: %s\nCtrl-C drains it.\n",
              example_run.storefront_url().c_str());
  std::fflush(stdout);
  const auto stayed = example_run.stay_up();
  example_run.stop();
  return stayed ? code : complain(stayed.error(), 1);
}

PassOutcome run_through(const Passes& run, const RunPass& pass, ExampleRun& example_run) {
  const auto rested = example_run.run_to_rest();
  if (!rested) return {complain(rested.error(), 1)};
  if (!*rested) {
    if (run.own_cluster) {
      std::printf("draining\n");
    } else {
      std::printf("draining; run again with --data %s to continue\n",
                  millrace::printable_line(run.options.data).c_str());
    }
    example_run.stop();
    return {run.options.once ? 1 : 0};
  }
  const bool stays = !run.options.once && pass.number == run.options.last_pass;
  if (!stays) example_run.stop();
  const auto holds = conclude(run, pass, example_run);
  if (!holds) return {complain(holds.error(), 1)};
  const int code = *holds ? 0 : 1;
  return {stays ? stay_up(example_run, code) : code, *holds};
}

// Shows what a finished run left behind, and with it the exit code it had.
millrace::Result<int> show_finished(const RunOptions& options, const FinishedRun& finished) {
  std::printf("%s holds a finished run:\n%s", millrace::printable_line(options.data).c_str(),
              millrace::printable_json(finished.text).c_str());
  if (!options.summary.empty()) {
    MILLRACE_TRY(millrace::write_file_atomically(millrace::real_file_system(), options.summary,
                                                 finished.text));
  }
  return finished.audit_ok ? 0 : 1;
}

// An empty cluster knows nothing of what the directory says has been sent.
millrace::Status start_cluster(OwnCluster& cluster, RunOptions& options,
                               const DataDirectory& directory) {
  if (millrace::real_file_system().exists(directory.path("feed.position"))) {
    return millrace::fail(millrace::errc::invalid_argument,
                          options.data + " holds a run that has begun, and " + own_cluster_url +
                              " is empty each time: add --fresh, or use another --data");
  }
  MILLRACE_ASSIGN(options.log, cluster.start(program_directory() + "/../../../tools/kafka",
                                             directory.path("kafka")));
  std::printf("Kafka: %s\n", millrace::printable_line(options.log).c_str());
  return {};
}

// Services get their settings from this run alone.
void tell_dropped_variables() {
  const std::vector<std::string> dropped = drop_foreign_variables();
  if (dropped.empty()) return;
  std::string names;
  for (const std::string& name : dropped)
    names += (names.empty() ? "" : ", ") + name;
  std::fprintf(stderr, "./run: not passed on to the services: %s\n", names.c_str());
}

int refuse(const millrace::Error& error) {
  return complain(error, error.is(millrace::errc::invalid_argument) ? 2 : 1);
}

void say(const std::string& line) {
  std::printf("%s\n", millrace::printable_line(line).c_str());
  std::fflush(stdout);
}

// A finished run on a cluster of its own: the cluster is gone, and its summary is all there is.
std::optional<int> show_lost_cluster(const RunOptions& options, const DataDirectory& directory,
                                     std::size_t invoices) {
  if (options.log != own_cluster_url) return std::nullopt;
  const auto finished = finished_summary(directory.path(summary_file(options.last_pass)), invoices);
  if (!finished) return refuse(finished.error());
  if (!*finished) return std::nullopt;
  if (!options.once) say("The cluster of that run is gone: nothing stays up.");
  const auto shown = show_finished(options, **finished);
  return shown ? *shown : complain(shown.error(), 1);
}

std::vector<Invoice> invoices_of(const std::vector<Invoice>& invoices, std::int64_t pass) {
  std::vector<Invoice> sent;
  sent.reserve(invoices.size());
  for (const Invoice& invoice : invoices)
    sent.push_back(in_pass(invoice, pass));
  return sent;
}

// As the services are ready: the topics are theirs.
millrace::Status keep_as_asked(const Passes& run, const RunPass& pass) {
  if (!run.options.retention_ms) return {};
  MILLRACE_ASSIGN(const auto writer, run.log.open_writer());
  return set_retention(*writer, *run.options.retention_ms, pass.begins_behind());
}

PassOutcome run_pass(const Passes& run, const std::vector<Invoice>& invoices, std::int64_t number) {
  const auto pass = find_pass(run.log.log(), number, invoices.size());
  if (!pass) return {refuse(pass.error())};
  const bool last = number == run.options.last_pass;
  if (!last && pass->end) return {0, true};
  if (run.options.last_pass > 1) say("pass " + std::to_string(number));
  const auto resumed = resume(run.log.log(), run.directory, *pass, invoices.size(), say);
  if (!resumed) return {refuse(resumed.error())};
  const bool finished = last && resumed->finished;
  int code = 0;
  if (finished) {
    const auto shown = show_finished(run.options, *resumed->finished);
    if (!shown) return {complain(shown.error(), 1)};
    code = *shown;
    if (run.options.once) return {code};
  }
  ExampleRun example_run(run.options, run.directory, run.signals, run.log, *pass,
                         invoices_of(invoices, number), resumed->answered);
  if (const auto begun = begin(run, *pass, example_run); !begun)
    return {complain(begun.error(), 1)};
  if (const auto started = example_run.start(program_directory()); !started)
    return {complain(started.error(), 1)};
  if (finished) return {stay_up(example_run, code)};
  if (const auto kept = keep_as_asked(run, *pass); !kept) return {complain(kept.error(), 1)};
  return run_through(run, *pass, example_run);
}

int run_on(const RunOptions& options, DataDirectory& directory,
           const std::vector<Invoice>& invoices, bool own_cluster) {
  // Before the first thread, which would end the process at a signal otherwise.
  millrace::service::Signals signals;
  const auto log = RunLog::open(options, directory, own_cluster, say);
  if (!log) return refuse(log.error());
  const Passes run{options, directory, signals, **log, own_cluster};
  PassOutcome outcome{0, true};
  for (std::int64_t number = options.first_pass; outcome.complete && number <= options.last_pass;
       ++number)
    outcome = run_pass(run, invoices, number);
  return outcome.code;
}

int run(RunOptions options) {
  millrace::service::raise_descriptor_limit();
  auto directory = DataDirectory::open(options, say);
  if (!directory) return refuse(directory.error());
  if (const auto usable = check_summary(options); !usable) {
    return refuse(usable.error());
  }
  const auto invoices = read_invoices(millrace::real_file_system(), options.source,
                                      static_cast<std::size_t>(options.limit));
  if (!invoices) return complain(invoices.error(), 1);
  if (const auto code = show_lost_cluster(options, *directory, invoices->size())) return *code;
  OwnCluster cluster;
  const bool own = options.log == own_cluster_url;
  if (own) {
    if (const auto started = start_cluster(cluster, options, *directory); !started)
      return refuse(started.error());
  }
  return run_on(options, *directory, *invoices, own);
}

}  // namespace
}  // namespace retail

int main(int argc, char** argv) {
  auto parsed = retail::parse_run(argc, argv, retail::program_directory());
  if (!parsed) {
    std::fprintf(stderr, "./run: %s\n", millrace::printable(parsed.error().message()).c_str());
    return 2;
  }
  if (!parsed->print_and_exit.empty()) {
    std::fputs(parsed->print_and_exit.c_str(), stdout);
    return 0;
  }
  // What customers ordered is nobody else's to read.
  ::umask(077);
  retail::tell_dropped_variables();
  if (const auto usable = retail::check_files(parsed->options); !usable) {
    return retail::complain(usable.error(), 2);
  }
  return retail::run(std::move(parsed->options));
}
