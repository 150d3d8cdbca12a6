// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <string_view>

namespace millrace::service {

/// Turns SIGTERM and SIGINT into an answer of wait(). Make it in the main thread before any other
/// thread starts. One per process.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Blocks until a signal or stop(); returns the name of the signal, or the reason given to
  /// stop().
  [[nodiscard]] std::string_view wait();
  /// The name of a signal that has come, or an empty view; does not wait.
  [[nodiscard]] std::string_view poll();
  /// From here on a signal ends the process at once; hold() takes them again. For the calling
  /// thread, while no other one runs: what it waits for may take long, and nothing is lost.
  void release();
  void hold();
  /// Polls readable when a signal has come.
  [[nodiscard]] int descriptor() const { return signals_; }
  /// Makes wait() return. Any thread; `reason` is a literal.
  void stop(const char* reason);

 private:
  int signals_;
  int stop_event_;
  std::atomic<const char*> reason_{""};
};

}  // namespace millrace::service
