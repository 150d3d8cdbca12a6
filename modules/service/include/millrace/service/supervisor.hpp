// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"

namespace millrace::service {

/// Lets this process, and those it starts, have as many open descriptors as the system allows it.
/// The usual 1024 are fewer than a service takes requests on at once, each over a connection of its
/// own. Such a process does not call select(2), which knows no descriptor above 1023.
void raise_descriptor_limit();

/// A program to keep running.
struct ChildSpec {
  std::string name;
  std::vector<std::string> command;  ///< path of the program, then its arguments
  std::string log_file;              ///< what it prints is appended here; empty: it shares ours
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< added to ours
};

enum class ChildState : std::uint8_t { running, backing_off, stopped };
[[nodiscard]] std::string_view to_string(ChildState state);

struct ChildStatus {
  std::string name;
  std::int64_t pid = 0;  ///< 0 unless running
  ChildState state = ChildState::stopped;
  std::uint32_t starts = 0;  ///< how often it was started
  std::string last_exit;     ///< `exit 1`, `killed by SIGKILL`, empty if it never ended
  std::string log_file;
  double cpu_seconds = 0;           ///< user and system time of all its runs, the one under way too
  std::int64_t peak_rss_bytes = 0;  ///< largest resident size seen
};

struct SupervisorOptions {
  std::int64_t backoff_first_ms = 20;  ///< before the first restart; doubles with each death
  std::int64_t backoff_max_ms = 5'000;
  std::int64_t healthy_after_ms =
      1'000;  ///< a child that ran so long starts again with the first backoff
};

/// Starts programs and starts again what dies, for ever, with a backoff. Children are in process
/// groups of their own, so that a Ctrl-C reaches only the supervisor, and the kernel ends them when
/// the supervisor's thread ends, however it ends. Use it from the main thread only.
class Supervisor {
 public:
  Supervisor(SupervisorOptions options, Clock& clock);
  /// Ends what still runs by SIGKILL.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts a program and keeps it running. errc::io_error when it cannot be started at all (no
  /// such file).
  [[nodiscard]] Status start(ChildSpec spec);
  /// Waits up to `timeout_ms` for a death or for a backoff to end, and restarts what is due.
  /// `extra_descriptor` (or -1) ends the wait when readable.
  void poll(std::int64_t timeout_ms, int extra_descriptor = -1);
  /// Sends a signal to a running child; errc::not_found if it does not run.
  [[nodiscard]] Status signal(std::string_view name, int number);
  /// Ends children by SIGTERM one after the other, the last started first, each given `timeout_ms`
  /// before SIGKILL; they are not restarted. Returns the names of those that had to be killed.
  std::vector<std::string> stop_all(std::int64_t timeout_ms);
  [[nodiscard]] std::vector<ChildStatus> status() const;

 private:
  struct Child;
  [[nodiscard]] Status spawn(Child& child);
  void reap(Child& child);
  SupervisorOptions options_;
  Clock& clock_;
  std::vector<std::unique_ptr<Child>> children_;
};

}  // namespace millrace::service
