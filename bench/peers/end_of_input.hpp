// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace millrace::bench {

/// Waits in a thread of its own for the end of standard input, which tells a program to stop.
class EndOfInput {
 public:
  /// `wake` is called from that thread after reached() has become true.
  explicit EndOfInput(std::function<void()> wake);
  ~EndOfInput();
  [[nodiscard]] bool reached() const { return reached_; }

 private:
  std::function<void()> wake_;
  std::atomic<bool> reached_ = false;
  std::thread thread_;
};

/// Tells bench/run that the program is at work.
void print_ready();

}  // namespace millrace::bench
