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
/// A signal asked the service to end.
[[nodiscard]] constexpr bool was_asked(StopReason reason) {
  return reason == StopReason::sigint || reason == StopReason::sigterm;
}

/// Lets wait() return when SIGTERM or SIGINT comes. Create it in the main thread before any other
/// thread starts. One object per process.
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
  /// From now on a signal ends the process at once, until hold() is called. Only while no other
  /// thread runs: for a wait that may take long and that may be interrupted without loss.
  void release();
  void hold();
  /// A descriptor that becomes readable when a signal has come.
  [[nodiscard]] int descriptor() const { return signals_; }
  /// Makes wait() return. Any thread.
  void stop(StopReason reason);

 private:
  int signals_;
  int stop_event_;
  std::atomic<StopReason> reason_{StopReason::sigterm};
};

}  // namespace millrace::service
