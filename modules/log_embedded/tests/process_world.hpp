// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "embedded_world.hpp"
#include "millrace/base/die_at.hpp"

namespace millrace::log {

/// A child process that runs a function and is killed with the test.
class Child {
 public:
  explicit Child(const std::function<int()>& run) {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::_exit(run());
    }
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  /// Whether it has ended; wait() still says how.
  [[nodiscard]] bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  /// The exit status as of waitpid.
  int wait() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  /// Returns once the child has stopped itself or has ended.
  void wait_stopped() const {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }

 private:
  pid_t pid_ = -1;
};

/// A directory that this process shares with others.
class EmbeddedProcesses : public testing::Test {
 protected:
  /// A holder of the writer lock that a busy machine does not run for a while is not to be killed.
  static constexpr std::int64_t patient_ms = 600'000;
  Result<std::unique_ptr<Log>> try_open(LogOptions options,
                                        std::int64_t stuck_holder_ms = patient_ms) {
    EmbeddedOptions embedded = small_segments();
    embedded.stuck_holder_ms = stuck_holder_ms;
    return open_embedded(directory_.path(), environment_, std::move(options), embedded);
  }
  std::unique_ptr<Log> open(const std::string& member, std::int64_t stuck_holder_ms = patient_ms) {
    auto log = try_open(options_of("stock", member), stuck_holder_ms);
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }

  TemporaryDirectory directory_;
  SeededRandom random_{7};
  LogEnvironment environment_{real_clock(), real_file_system(), random_, real_processes()};
};

inline bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

inline std::int64_t soon() { return real_clock().monotonic_ns() + 120'000'000'000; }

}  // namespace millrace::log
