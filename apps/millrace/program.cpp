// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "program.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "help.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/log/empty_groups.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_kafka/kafka.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* look_at_log = "What is in the log";
constexpr const char* look_at_services = "What services do";
constexpr const char* care = "Care of a log";
constexpr const char* set_up = "To set up";

constexpr const char* default_log = "file:./data/log";
constexpr const char* footer =
    "\nThe log is that of --log, of the environment's MILLRACE_LOG, or file:./data/log.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

int report(Output& notes, const Error& error) {
  notes.line("millrace: " + error.message() + " [" + std::string(error.code().name) + "]");
  notes.flush();
  return exit_failed;
}

}  // namespace

void describe_program(CLI::App& app, Session& session, Action& action) {
  app.name("millrace");
  app.footer(footer);
  app.fallthrough();
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.set_help_flag("-h,--help", "Print what a command does and takes: millrace COMMAND --help");
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION, "Print the version");
  app.add_option("--log", session.log_url, "The log, file:DIR or kafka://HOST:PORT/PREFIX")
      ->type_name("URL")
      ->check(check_log_url)
      ->capture_default_str();
  app.add_flag_callback(
      "--wide", [&session] { session.out.show_whole(); },
      "Do not cut lines to the width of the terminal");
  add_topics(app, action)->group(look_at_log);
  add_tail(app, action)->group(look_at_log);
  add_trace(app, action)->group(look_at_log);
  add_services(app, action)->group(look_at_services);
  add_groups(app, action)->group(look_at_services);
  add_query(app, action)->group(look_at_services);
  add_dead_letters(app, action)->group(look_at_services);
  add_topology(app, action)->group(look_at_services);
  add_copy(app, action)->group(care);
  add_log(app, action)->group(care);
  add_new(app, action)->group(set_up);
  add_acls(app, action)->group(set_up);
  add_completion(app, action)->group(set_up);
}

std::string log_directory(const std::string& url) {
  constexpr std::string_view scheme = "file:";
  // Options of the URL are for those that write.
  if (url.starts_with(scheme)) return url.substr(0, url.find('?')).substr(scheme.size());
  return url.find(':') == std::string::npos ? url : std::string();
}

std::string shown_url(const std::string& url) { return escaped(url.substr(0, url.find('?'))); }

Result<std::unique_ptr<log::Log>> open_without_waiting(const std::string& url,
                                                       log::LogEnvironment& environment,
                                                       log::LogOptions options) {
  if (url.starts_with("kafka:")) {
    return log::open_kafka(url, environment, std::move(options), {{"fetch.wait.max.ms", "5"}});
  }
  return log::open_log(url, environment, std::move(options));
}

Session::Session(Output& standard_output, Output& standard_error,
                 const std::atomic<bool>& stop_asked)
    : out(standard_output),
      notes(standard_error),
      stop(stop_asked),
      clock(real_clock()),
      files(real_file_system()),
      random_(real_seed()),
      environment_{clock, files, random_, real_processes()} {
  log::register_embedded([this](std::string_view line) {
    notes.line("millrace: " + escaped(line));
    notes.flush();
  });
  log::register_kafka();
}

// Logs that are opened after it write no lines to its output.
Session::~Session() { log::register_embedded(); }

Result<std::unique_ptr<log::Log>> Session::open(log::LogOptions options, bool follows) {
  const std::string directory = log_directory(log_url);
  const auto missing = [&] {
    return fail(errc::not_found, "no log at " + shown_url(log_url) +
                                     ": start ./run, or name another with --log URL");
  };
  // Opening must leave no directory behind where there was none.
  if (!directory.empty() && !files.exists(directory)) return missing();
  options.member = "millrace";
  options.create = false;
  options.max_future_ms.reset();  // a replayed record was judged when it was appended
  const std::string url = directory.empty() ? log_url : "file:" + directory;
  auto opened = follows ? log::open_log(url, environment_, std::move(options))
                        : open_without_waiting(url, environment_, std::move(options));
  if (!opened && opened.error().is(errc::not_found) && !directory.empty()) return missing();
  return opened;
}

Result<log::Log*> Session::log(bool follows) {
  if (log_) return log_.get();
  log::LogOptions options;
  options.access = log::LogAccess::prefer_write;
  MILLRACE_ASSIGN(log_, open(std::move(options), follows));
  if (const auto reason = log_->read_only_reason()) {
    notes.line("millrace: read-only: no live wake-up, members and claims are not shown: " +
               escaped(*reason));
    notes.flush();
  }
  return log_.get();
}

Result<std::unique_ptr<log::Log>> Session::log_of(const std::string& service) {
  log::LogOptions options;
  options.service = service;
  return open(std::move(options), false);
}

Status Session::await_empty_groups(log::Log& log,
                                   const std::function<bool(const log::GroupInfo&)>& chosen) const {
  constexpr std::int64_t pause_ns = 100'000'000;
  const auto waiter = log.waiter();
  return log::await_empty_groups(log, clock, chosen, [&]() -> Status {
    if (stop) return fail(errc::busy, "stopped while waiting for members that died: try again");
    static_cast<void>(waiter->wait({}, clock.monotonic_ns() + pause_ns));
    return {};
  });
}

int run_program(std::vector<std::string> arguments, Output& out, Output& notes,
                const std::atomic<bool>& stop) {
  Session session(out, notes, stop);
  session.log_url = default_log;
  Action action;
  CLI::App app("Looks into a Millrace log and the services on it.");
  describe_program(app, session, action);
  // Not CLI11's own: some of its versions drop a value that is refused, and the default counted.
  const char* const from_environment = std::getenv("MILLRACE_LOG");
  if (from_environment != nullptr && *from_environment != '\0') {
    session.log_url = from_environment;
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    out.write(app.get_subcommands().empty() ? overview(app) : app.help());
  } catch (const CLI::CallForVersion&) {
    out.line(app.version());
  } catch (const CLI::ParseError& error) {
    if (arguments.empty()) {
      notes.write(overview(app));
    } else {
      notes.line(usage_error(app, error, arguments));
    }
    notes.flush();
    return exit_usage;
  }
  if (const std::string refused = check_log_url(session.log_url); action && !refused.empty()) {
    notes.line("millrace: MILLRACE_LOG: " + escaped(refused));
    notes.flush();
    return exit_usage;
  }
  if (action) {
    if (Status done = action(session); !done) {
      static_cast<void>(out.finish());
      return report(notes, done.error());
    }
  }
  if (Status written = out.finish(); !written) return report(notes, written.error());
  return exit_done;
}

}  // namespace millrace::cli
