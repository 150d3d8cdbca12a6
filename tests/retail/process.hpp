// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace retail_test {

/// What to start.
struct Command {
  std::vector<std::string> words;  ///< path of the program, then its arguments
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< added to ours
  std::string output = {};  ///< file that standard output and error are appended to
};

/// How a process ended.
struct Exit {
  int code = -1;   ///< exit code; -1 when a signal ended it
  int signal = 0;  ///< that ended it; 0 when it exited by itself
  friend bool operator==(const Exit&, const Exit&) = default;
};
[[nodiscard]] std::string to_string(const Exit& exit);

/// A child process of the test, killed with it at the latest. One thread, which stays alive as long
/// as the child shall.
class Process {
 public:
  /// Throws std::runtime_error when the program cannot be started.
  explicit Process(const Command& command);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Not after it was waited for.
  void signal(int number) const;
  /// True until it ended, also while it is stopped.
  [[nodiscard]] bool running();
  /// True while it is stopped by SIGSTOP.
  [[nodiscard]] bool stopped() const;
  /// Waits for its end, at most so long; no value when it continues all the same.
  [[nodiscard]] std::optional<Exit> wait(std::chrono::milliseconds limit = default_timeout);
  /// SIGKILL and wait.
  void kill();

 private:
  void reap();
  pid_t pid_ = 0;
  int pidfd_ = -1;
  std::optional<Exit> exit_;
};

/// Runs a program to its end.
struct Finished {
  Exit exit;
  std::string output;  ///< of both streams
};
/// `directory` takes the file for the output. Throws when it does not end in time; it is killed
/// then.
[[nodiscard]] Finished run_program(Command command, const std::string& directory,
                                   std::chrono::milliseconds limit = default_timeout);

}  // namespace retail_test
