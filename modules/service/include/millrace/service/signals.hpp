// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::service {

/// Why a service ends.
enum class StopReason : std::uint8_t { sigint, sigterm, log_failed, topology_stopped };
/// `SIGINT`, `the log failed`.
[[nodiscard]] std::string_view to_string(StopReason reason);
/// It was asked to end, by a signal.
[[nodiscard]] constexpr bool was_asked(StopReason reason) {
  return reason == StopReason::sigint || reason == StopReason::sigterm;
}

/// Turns SIGTERM and SIGINT into an answer of wait(). Make it in the main thread before any other
/// thread starts. One per process.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Blocks until a signal or stop(); returns the signal, or the reason given to stop().
  [[nodiscard]] StopReason wait();
  /// A signal that has come, or no value; does not wait.
  [[nodiscard]] std::optional<StopReason> poll();
  /// From here on a signal ends the process at once; hold() takes them again. For the calling
  /// thread, while no other one runs: what it waits for may take long, and nothing is lost.
  void release();
  void hold();
  /// Polls readable when a signal has come.
  [[nodiscard]] int descriptor() const { return signals_; }
  /// Makes wait() return. Any thread.
  void stop(StopReason reason);

 private:
  int signals_;
  int stop_event_;
  std::atomic<StopReason> reason_{StopReason::sigterm};
};

}  // namespace millrace::service
