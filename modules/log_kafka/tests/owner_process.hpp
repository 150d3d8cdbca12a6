// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>

namespace millrace::log {

/// A process that claims two tasks, commits once, and then is stuck in a commit: it gets the
/// brokers' addresses through a pipe, because it is made before this process has threads.
class Owner {
 public:
  explicit Owner(const std::function<int(const std::string& brokers)>& run) {
    if (::pipe(pipe_) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ != 0) return;
    std::string brokers;
    for (char c = 0; ::read(pipe_[0], &c, 1) == 1 && c != '\n';)
      brokers.push_back(c);
    ::_exit(run(brokers));
  }
  ~Owner() {
    kill();
    ::waitpid(pid_, nullptr, 0);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  void start(const std::string& brokers) {
    const std::string line = brokers + "\n";
    EXPECT_EQ(::write(pipe_[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  void kill() const { ::kill(pid_, SIGKILL); }
  /// Returns once it has stopped itself or has ended.
  void wait_stopped() const {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  int pipe_[2] = {};
  pid_t pid_ = -1;
};

}  // namespace millrace::log
