// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "output.hpp"

namespace CLI {
class App;
}

namespace millrace::cli {

/// What a command works with. Not thread-safe, but `stop` may be set by a signal.
class Session {
 public:
  /// All outlive the session.
  Session(Output& standard_output, Output& standard_error, const std::atomic<bool>& stop_asked);
  ~Session();

  Output& out;
  Output& notes;                  ///< for people: standard error
  const std::atomic<bool>& stop;  ///< the user has seen enough
  std::string log_url;
  Clock& clock;
  FileSystem& files;

  /// The log of `log_url`, which must exist; opened at the first call, as a member that writes
  /// commands only. errc::not_found says what to do. `follows`: it will be waited on for long.
  [[nodiscard]] Result<log::Log*> log(bool follows = false);
  /// The same log, opened as a member that writes what that service owns.
  [[nodiscard]] Result<std::unique_ptr<log::Log>> log_of(const std::string& service);
  /// log::await_empty_groups(), by the real clock. errc::busy also when the user has seen enough.
  [[nodiscard]] Status await_empty_groups(
      log::Log& log, const std::function<bool(const log::GroupInfo&)>& chosen) const;
  /// What logs are opened in.
  [[nodiscard]] log::LogEnvironment& environment() { return environment_; }

 private:
  [[nodiscard]] Result<std::unique_ptr<log::Log>> open(log::LogOptions options, bool follows);

  SeededRandom random_;
  log::LogEnvironment environment_;
  std::unique_ptr<log::Log> log_;
};

/// A log's URL as it may be shown: without what follows '?', where passwords may be.
[[nodiscard]] std::string shown_url(const std::string& url);

/// log::open_log() for a command that reads many partitions once: a broker answers what it is asked
/// on one connection in turn, so a fetch that waits for news at the end of one partition holds up
/// the next partition.
[[nodiscard]] Result<std::unique_ptr<log::Log>> open_without_waiting(
    const std::string& url, log::LogEnvironment& environment, log::LogOptions options);

/// Directory of a `file:` URL, or of a plain path; empty for other kinds of logs.
[[nodiscard]] std::string log_directory(const std::string& url);

/// What the chosen command will do.
using Action = std::function<Status(Session&)>;

/// Adds all commands and options to `app`: parsing fills in the session and sets the action. All
/// three outlive each other's use.
void describe_program(CLI::App& app, Session& session, Action& action);

/// Runs one command line, without the program's name. Answers the exit code: 0 done, 1 failed, 2
/// wrong usage.
[[nodiscard]] int run_program(std::vector<std::string> arguments, Output& out, Output& notes,
                              const std::atomic<bool>& stop);

}  // namespace millrace::cli
