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

/// Raises the limit of open descriptors of this process, and of the processes that it starts, to
/// the maximum that the system allows. The usual limit of 1024 is too small for a service with many
/// connections. Such a process must not call select(2), which cannot use descriptors above 1023.
void raise_descriptor_limit();

/// A program to keep running.
struct ChildSpec {
  std::string name;
  std::vector<std::string> command;  ///< path of the program, then its arguments
  /// its output is appended to this file; empty: it uses our standard output and error
  std::string log_file;
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
  /// user and system time of all its runs, including the present one
  double cpu_seconds = 0;
  std::int64_t peak_rss_bytes = 0;  ///< largest resident size seen
};

struct SupervisorOptions {
  std::int64_t backoff_first_ms = 20;  ///< before the first restart; doubles with each death
  std::int64_t backoff_max_ms = 5'000;
  /// a child that ran so long starts again with the first backoff
  std::int64_t healthy_after_ms = 1'000;
};

/// Starts programs and restarts each program that ends, for ever, with a backoff. Each child has
/// its own process group, so that a Ctrl-C reaches only the supervisor. The kernel kills the
/// children when the thread of the supervisor ends for any reason. Use it only in the main thread.
class Supervisor {
 public:
  Supervisor(SupervisorOptions options, Clock& clock);
  /// Kills the programs that still run with SIGKILL.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts a program and keeps it running. errc::io_error when it cannot be started at all (no
  /// such file).
  [[nodiscard]] Status start(ChildSpec spec);
  /// Waits up to `timeout_ms` until a child dies or a backoff ends, and restarts the programs that
  /// are due. The wait also ends when `extra_descriptor` (-1: none) becomes readable.
  void poll(std::int64_t timeout_ms, int extra_descriptor = -1);
  /// Sends a signal to a running child; errc::not_found if it does not run.
  [[nodiscard]] Status signal(std::string_view name, int number);
  /// Ends the children with SIGTERM, one after the other, the one that was started last first. A
  /// child that has not ended after `timeout_ms` gets SIGKILL. They are not restarted. Returns the
  /// names of the children that were killed.
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
