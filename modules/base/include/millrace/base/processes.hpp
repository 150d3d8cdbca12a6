// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

/// Identifies one process among all processes of all hosts and all times.
struct ProcessName {
  std::string host;  ///< name of the host, its boot and the PID namespace: `name/boot id/number`
  std::int64_t pid = 0;
  /// In clock ticks since boot; distinguishes processes with the same pid. 0 if it is not known.
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessName&, const ProcessName&) = default;
};

/// Information about processes. Thread-safe.
class Processes {
 public:
  virtual ~Processes() = default;
  /// The calling process.
  [[nodiscard]] virtual ProcessName self() = 0;
  /// True when it is certain that the process has ended. False for a process of another host, boot
  /// or PID namespace, because nothing is known about it.
  [[nodiscard]] virtual bool has_ended(const ProcessName& process) = 0;
};

/// The processes of this machine. Lives for the whole program.
[[nodiscard]] Processes& real_processes();

/// All members of a simulation are one process that never ends.
class SimulatedProcesses final : public Processes {
 public:
  ProcessName self() override { return {"simulated", 1, 1}; }
  bool has_ended(const ProcessName& /*process*/) override { return false; }
};

}  // namespace millrace
